package diff

// Breaks tells what of present code stops working when a change is carried out:
// code that is compiled against the versions now deployed, and reads and writes
// as GORM does. The zero value: nothing.
type Breaks struct {
	Reads  bool // queries fail, or bring values that the code cannot hold
	Writes bool // inserts, updates, upserts or deletes fail, or do something else
}

// Any tells whether anything breaks.
func (b Breaks) Any() bool { return b.Reads || b.Writes }

// String names what breaks, for people.
func (b Breaks) String() string {
	switch {
	case b.Reads && b.Writes:
		return "reads and writes"
	case b.Reads:
		return "reads"
	case b.Writes:
		return "writes"
	}
	return "nothing"
}

// breaks follows the effect: what is additive, relaxing or neutral breaks
// nothing, which is what add-only stands for.
func (a Assessment) breaks() Breaks {
	switch a.Effect {
	case Neutral, Additive, Relaxing:
		return Breaks{}
	case Restricting, Destructive:
	}
	switch a.Kind {
	case Table:
		return Breaks{Reads: true, Writes: true}
	case Column:
		return a.columnBreaks()
	case Index:
		// Slower queries are no failure; an upsert names a unique index that is gone,
		// and a new one refuses rows.
		unique := a.From != nil && a.From.Index.Unique || a.To != nil && a.To.Index.Unique
		return Breaks{Writes: unique}
	case PrimaryKey, ForeignKey, Check:
	}
	return Breaks{Writes: true}
}

func (a Assessment) columnBreaks() Breaks {
	switch {
	case a.Verb == Drop, a.Verb == Rename, a.Verb == Alter && a.Aspect == AspectType:
		return Breaks{Reads: true, Writes: true}
	}
	return Breaks{Writes: true} // a NOT NULL, a default that goes, a key that is assigned otherwise
}
