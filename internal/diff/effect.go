package diff

// Effect is what a change does to running code and to data.
type Effect string

// The effects, from harmless to harmful.
const (
	Neutral     Effect = "neutral"     // nobody notices: comments, names of constraints
	Additive    Effect = "additive"    // something new that present code does not touch
	Relaxing    Effect = "relaxing"    // what was allowed stays allowed, and more is
	Restricting Effect = "restricting" // loses no data; present code may fail, or present data may forbid it
	Destructive Effect = "destructive" // removes data, or may
)

// Assessment is a change with its effect and the reason for it.
type Assessment struct {
	Change
	Effect Effect
	Why    string // a clause for people, such as "inserts of present code do not fill it"
}
