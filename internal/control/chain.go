package control

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// AuditLine is an entry as it is stored and exported: a line of JSON.
type AuditLine struct {
	Seq      int64           `json:"seq"`
	PrevHash string          `json:"prev_hash"`
	Hash     string          `json:"hash"`
	Entry    json.RawMessage `json:"entry"`
}

// auditBody is what Entry holds.
type auditBody struct {
	OperationID string     `json:"operation_id"`
	Phase       AuditPhase `json:"phase"`
	At          int64      `json:"at_us"` // microseconds since 1970, UTC
	AuditEvent
}

// EncodeAudit makes the line of an entry, with its hash.
func EncodeAudit(e *AuditEntry) (*AuditLine, error) {
	data, err := json.Marshal(auditBody{OperationID: e.OperationID, Phase: e.Phase, At: e.At.UnixMicro(), AuditEvent: e.AuditEvent})
	if err != nil {
		return nil, fault.Wrap(err, fault.Bug, "AUDIT_ENCODE", "an audit entry cannot be written as JSON")
	}
	canonical, err := canonicalJSON(data)
	if err != nil {
		return nil, fault.Wrap(err, fault.Bug, "AUDIT_ENCODE", "an audit entry cannot be written as JSON")
	}
	l := &AuditLine{Seq: e.Seq, PrevHash: e.PrevHash, Entry: canonical}
	l.Hash, err = l.sum()
	return l, err
}

// Decode returns the entry of a line. It does not check the hash.
func (l *AuditLine) Decode() (*AuditEntry, error) {
	var b auditBody
	if err := json.Unmarshal(l.Entry, &b); err != nil {
		return nil, l.broken("it is no audit entry")
	}
	return &AuditEntry{
		Seq: l.Seq, OperationID: b.OperationID, Phase: b.Phase, At: time.UnixMicro(b.At).UTC(),
		AuditEvent: b.AuditEvent, PrevHash: l.PrevHash, Hash: l.Hash,
	}, nil
}

// sum is SHA-256 over the canonical JSON of entry, prev_hash and seq.
func (l *AuditLine) sum() (string, error) {
	canonical, err := canonicalJSON(l.Entry)
	if err != nil {
		return "", l.broken("its entry is not JSON, or names something twice")
	}
	data, err := json.Marshal(struct {
		Entry    json.RawMessage `json:"entry"`
		PrevHash string          `json:"prev_hash"`
		Seq      int64           `json:"seq"`
	}{canonical, l.PrevHash, l.Seq})
	if err != nil {
		return "", l.broken("its entry is not JSON")
	}
	hash := sha256.Sum256(data)
	return hex.EncodeToString(hash[:]), nil
}

func (l *AuditLine) broken(why string) error {
	return fault.New(fault.Corrupt, ReasonAuditBroken, "the audit chain is broken at entry %d: %s", l.Seq, why).
		Suggest("compare with an earlier export to see what was changed; what comes before this entry is intact")
}

var errTwice = errors.New("an object names something twice")

// canonicalJSON sorts the keys of objects and leaves out all space, so that a
// line that went through another tool still has its hash. Numbers keep their
// spelling. What is named twice is refused: readers would differ on it.
func canonicalJSON(data []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, err
	}
	canonical, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	// Strings may be escaped differently, so both sides are normalised alike.
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return nil, err
	}
	if names(compact.Bytes()) != names(canonical) {
		return nil, errTwice
	}
	return canonical, nil
}

// names counts the members of all objects: each has one colon outside of strings.
func names(data []byte) int {
	count, inside := 0, false
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] == '\\':
			i++
		case data[i] == '"':
			inside = !inside
		case data[i] == ':' && !inside:
			count++
		}
	}
	return count
}

// maxUnfinished is how many unfinished operations a report names.
const maxUnfinished = 1000

// AuditChain verifies entries one after the other. The zero value accepts any
// first entry.
type AuditChain struct {
	report AuditReport
	open   map[string]int64 // operations without a second entry, by id, and where they began
}

// Add verifies the next entry. AUDIT_CHAIN_BROKEN (Corrupt) says which one is
// not as it was written.
func (c *AuditChain) Add(l *AuditLine) (*AuditEntry, error) {
	r := &c.report
	switch {
	case r.Entries > 0 && l.Seq != r.Last+1:
		return nil, l.broken("it does not follow the entry before it: entries are missing, doubled or moved")
	case r.Entries > 0 && l.PrevHash != r.Head, l.Seq == 1 && l.PrevHash != "":
		return nil, l.broken("it does not continue the entry before it")
	case l.Seq < 1:
		return nil, l.broken("entries are counted from 1")
	}
	hash, err := l.sum()
	if err != nil {
		return nil, err
	}
	if hash != l.Hash {
		return nil, l.broken("its content is not what was hashed when it was written")
	}
	e, err := l.Decode()
	if err != nil {
		return nil, err
	}
	if r.Entries == 0 {
		r.First = l.Seq
	}
	r.Entries, r.Last, r.Head = r.Entries+1, l.Seq, l.Hash
	c.follow(e)
	return e, nil
}

func (c *AuditChain) follow(e *AuditEntry) {
	if c.open == nil {
		c.open = map[string]int64{}
	}
	if e.Phase == AuditStarted {
		c.open[e.OperationID] = e.Seq
	} else {
		delete(c.open, e.OperationID)
	}
}

// Report returns what was seen so far.
func (c *AuditChain) Report() *AuditReport {
	r := c.report
	open := slices.SortedFunc(maps.Keys(c.open), func(a, b string) int { return int(c.open[a] - c.open[b]) })
	r.Unfinished = open[:min(len(open), maxUnfinished)]
	return &r
}

// maxAuditLine is the longest line that is read: plans hold much SQL.
const maxAuditLine = 256 << 20

// VerifyAuditLines checks an export without the store. head, when it is known
// from elsewhere, must be the hash of the last entry: a chain that was cut off at
// its end is intact otherwise. Errors: AUDIT_CHAIN_BROKEN (Corrupt),
// AUDIT_UNREADABLE (Invalid).
func VerifyAuditLines(r io.Reader, head string) (*AuditReport, error) {
	var chain AuditChain
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxAuditLine)
	for number := 1; lines.Scan(); number++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		var l AuditLine
		if err := json.Unmarshal(text, &l); err != nil {
			return chain.Report(), fault.Wrap(err, fault.Corrupt, ReasonAuditBroken, "line %d is no exported audit entry", number)
		}
		if _, err := chain.Add(&l); err != nil {
			return chain.Report(), err
		}
	}
	if err := lines.Err(); err != nil {
		return chain.Report(), fault.Wrap(err, fault.Invalid, "AUDIT_UNREADABLE", "the export cannot be read to its end")
	}
	report := chain.Report()
	if head != "" && report.Head != head {
		return report, fault.New(fault.Corrupt, ReasonAuditBroken, "the chain ends with entry %d, which is not the expected one", report.Last).
			Suggest("entries are missing at the end, or the expected hash is that of another export")
	}
	return report, nil
}
