package text

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Clean returns a copy of a message whose strings hold no control characters
// but line feed and tab: what comes from modules and databases must not steer
// the reader's terminal.
func Clean[M proto.Message](m M) M {
	out, ok := proto.Clone(m).(M)
	if !ok {
		return m
	}
	cleanMessage(out.ProtoReflect())
	return out
}

func cleanMessage(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			// No message that is rendered holds a map.
		case f.IsList():
			cleanList(f, v.List())
		case f.Kind() == protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString(clean(v.String())))
		case f.Kind() == protoreflect.MessageKind:
			cleanMessage(v.Message())
		}
		return true
	})
}

func cleanList(f protoreflect.FieldDescriptor, l protoreflect.List) {
	for i := range l.Len() {
		switch f.Kind() { //nolint:exhaustive // the other kinds hold no text
		case protoreflect.StringKind:
			l.Set(i, protoreflect.ValueOfString(clean(l.Get(i).String())))
		case protoreflect.MessageKind:
			cleanMessage(l.Get(i).Message())
		default:
		}
	}
}

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= 0x20 && r != 0x7f && (r < 0x80 || r > 0x9f) {
			return r
		}
		return '\uFFFD'
	}, s)
}
