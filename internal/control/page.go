package control

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Cursor is where a list goes on: behind the last row of the page before.
type Cursor struct {
	After string
	Seq   int64
	Sub   int64
}

// pageToken is what a token holds. It is not secret and not signed: a made-up
// one can only name another place of the same list.
type pageToken struct {
	List   string `json:"l"`
	Filter []byte `json:"f"` // hash
	After  string `json:"a,omitempty"`
	Seq    int64  `json:"s,omitempty"`
	Sub    int64  `json:"b,omitempty"`
}

// MakePageToken makes the token of the next page of a list, bound to its filter.
func MakePageToken(list string, filter any, c Cursor) (string, error) {
	hash, err := hashFilter(list, filter)
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(pageToken{List: list, Filter: hash, After: c.After, Seq: c.Seq, Sub: c.Sub})
	if err != nil {
		return "", fault.Wrap(err, fault.Bug, ReasonPageToken, "a page token cannot be made")
	}
	return base64.RawURLEncoding.EncodeToString(data), nil
}

// ReadPageToken returns where a token goes on; the zero Cursor for "". ok tells
// whether there was a token. Errors: PAGE_TOKEN (Invalid) for the token of
// another list or another filter.
func ReadPageToken(list string, filter any, token string) (c Cursor, ok bool, err error) {
	if token == "" {
		return Cursor{}, false, nil
	}
	var p pageToken
	data, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil || p.List != list {
		return Cursor{}, false, badToken("it is not one that this list gave")
	}
	hash, err := hashFilter(list, filter)
	if err != nil {
		return Cursor{}, false, err
	}
	if !bytes.Equal(hash, p.Filter) {
		return Cursor{}, false, badToken("it was given for another filter")
	}
	return Cursor{After: p.After, Seq: p.Seq, Sub: p.Sub}, true, nil
}

func badToken(why string) error {
	return fault.New(fault.Invalid, ReasonPageToken, "the page token cannot be used: %s", why).
		Suggest("send the next_page_token of the answer before, with the same filter; or none, for the first page")
}

// hashFilter needs no secret: it only tells filters apart.
func hashFilter(list string, filter any) ([]byte, error) {
	data, err := json.Marshal(filter)
	if err != nil {
		return nil, fault.Wrap(err, fault.Bug, ReasonPageToken, "a filter cannot be hashed")
	}
	sum := sha256.Sum256(append([]byte(list+"\x00"), data...))
	return sum[:12], nil
}

// Limit returns the page's size within bounds. Errors: PAGE_SIZE (Invalid).
func (p Page) Limit() (int, error) {
	switch {
	case p.Size == 0:
		return DefaultPageSize, nil
	case p.Size < 0:
		return 0, fault.New(fault.Invalid, "PAGE_SIZE", "a page cannot have %d entries", p.Size)
	}
	return min(p.Size, MaxPageSize), nil
}
