// Package faultdb wraps a database/sql driver and makes one chosen operation
// fail, so that a test can walk a failure through every step of a run:
//
//	for p := range faultdb.Sweep(faultdb.ErrorBefore) {
//		db := sql.OpenDB(faultdb.Wrap(connector, p))
//		err := doTheWork(db)
//		// the tenant is exactly old or exactly new, whatever err is
//	}
//
// It is for tests only and never in the binary.
package faultdb

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
)

// Mode is how the chosen operation fails.
type Mode string

// The modes.
const (
	// ErrorBefore: an error, and the operation is not carried out.
	ErrorBefore Mode = "error_before"
	// ErrorAfter: the operation is carried out, and its reply is an error.
	ErrorAfter Mode = "error_after"
	// DieBefore: the connection is dead before the operation.
	DieBefore Mode = "die_before"
	// DieAfter: the operation is carried out, then the connection is dead and
	// the reply lost. A commit that ends so is the hardest case there is.
	DieAfter Mode = "die_after"
	// EndBefore: Plan.End is called instead of the operation. It does not return
	// when it ends the process.
	EndBefore Mode = "end_before"
	// EndAfter: the operation is carried out, then Plan.End is called.
	EndAfter Mode = "end_after"
)

// Modes returns those that go on in the same process.
func Modes() []Mode { return []Mode{ErrorBefore, ErrorAfter, DieBefore, DieAfter} }

// ErrInjected is what a failing operation returns unless the plan has its own.
var ErrInjected = errors.New("faultdb: injected failure")

// Kind is the kind of an operation.
type Kind string

// The operations that are counted. Transactions begun with SQL are execs.
const (
	Connect  Kind = "connect"
	Ping     Kind = "ping"
	Begin    Kind = "begin"
	Exec     Kind = "exec"
	Query    Kind = "query"
	Next     Kind = "next" // only with Plan.Rows
	Prepare  Kind = "prepare"
	Commit   Kind = "commit"
	Rollback Kind = "rollback"
)

// Op is one operation as it was seen.
type Op struct {
	Index  int // from 0; -1 when Plan.Only left it out of the count
	Conn   int // the connection it ran on, from 1
	Kind   Kind
	SQL    string // its beginning, on one line
	Failed bool   // this is the operation that was chosen to fail
}

// String renders the operation on one line.
func (o Op) String() string {
	mark := " "
	if o.Failed {
		mark = "!"
	}
	return strings.TrimRight(fmt.Sprintf("%s %3d c%d %-8s %s", mark, o.Index, o.Conn, o.Kind, o.SQL), " ")
}

// Plan says which operation fails, and remembers what was done. Its zero value
// fails the first one; use Never for none. Set the fields before the first use.
type Plan struct {
	FailAt int  // index of the operation that fails; negative: none
	Mode   Mode // "": ErrorBefore
	Err    error
	Rows   bool          // count the steps of reading rows, too
	Only   func(Op) bool // count only these; nil: all
	End    func()        // for EndBefore and EndAfter

	mu    sync.Mutex
	next  int
	conns int
	fired bool
	log   []Op
}

// Never returns a plan that only counts.
func Never() *Plan { return &Plan{FailAt: -1} }

// Sweep yields plans that fail operation 0, 1, 2, … and ends after the first
// plan whose operation was never reached: that run was the one that succeeded.
func Sweep(mode Mode) iter.Seq[*Plan] {
	return func(yield func(*Plan) bool) {
		for i := 0; ; i++ {
			p := &Plan{FailAt: i, Mode: mode}
			if !yield(p) || !p.Fired() {
				return
			}
		}
	}
}

// Fired tells whether the chosen operation was reached.
func (p *Plan) Fired() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fired
}

// Count returns how many operations were counted.
func (p *Plan) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

// Log returns the operations so far.
func (p *Plan) Log() []Op {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Op(nil), p.log...)
}

// String renders the log, one operation a line, for a failing test to print.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "faultdb: fail operation %d, %s\n", p.FailAt, p.mode())
	for _, op := range p.Log() {
		b.WriteString(op.String() + "\n")
	}
	return b.String()
}

func (p *Plan) mode() Mode {
	if p.Mode == "" {
		return ErrorBefore
	}
	return p.Mode
}

func (p *Plan) err() error {
	if p.Err != nil {
		return p.Err
	}
	return ErrInjected
}

// note counts an operation and tells whether it is the one to fail.
func (p *Plan) note(conn int, kind Kind, query string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	op := Op{Index: p.next, Conn: conn, Kind: kind, SQL: beginning(query)}
	if p.Only != nil && !p.Only(op) {
		op.Index = -1
	} else {
		p.next++
		op.Failed = op.Index == p.FailAt
		p.fired = p.fired || op.Failed
	}
	p.log = append(p.log, op)
	return op.Failed
}

// forget takes the last operation back: the driver left it to another call.
func (p *Plan) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.log); n > 0 {
		if p.log[n-1].Index >= 0 {
			p.next--
		}
		p.log = p.log[:n-1]
	}
}

func (p *Plan) newConn() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns++
	return p.conns
}

// beginning returns the first words of a statement, on one line.
func beginning(query string) string {
	const limit = 80
	s := strings.Join(strings.Fields(query), " ")
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}
