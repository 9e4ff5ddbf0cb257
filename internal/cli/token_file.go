package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// addEntry adds an entry to a file of tokens, and keeps what is in it, comments
// included. The file is replaced at once, so that no server reads half of it.
func addEntry(path string, entry access.TokenEntry) error {
	old, err := os.ReadFile(filepath.Clean(path))
	if err != nil && !os.IsNotExist(err) {
		return fault.Wrap(err, fault.Invalid, "FILE_UNREADABLE", "the file of tokens %s cannot be read", path)
	}
	known, err := access.ParseTokenFile(old, path)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(known, func(t access.StoredToken) bool { return t.Name == entry.Name }) {
		return fault.New(fault.Exists, "TOKEN_EXISTS", "%s has a token named %s", path, entry.Name).Suggest("choose another name, or remove that entry")
	}
	text, err := withEntry(old, entry)
	if err != nil {
		return err
	}
	if _, err := access.ParseTokenFile(text, path); err != nil {
		return fault.Wrap(err, fault.Invalid, "TOKENS_INVALID", "the entry cannot be added to %s as it is written", path).
			Suggest("leave out --file, and add the entry that is printed by hand")
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, text, 0o600); err != nil { //nolint:gosec // whoever runs the command names the file
		return fault.Wrap(err, fault.Invalid, "FILE_UNWRITABLE", "the file of tokens %s cannot be written", path)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fault.Wrap(err, fault.Invalid, "FILE_UNWRITABLE", "the file of tokens %s cannot be replaced", path)
	}
	return nil
}

func withEntry(old []byte, entry access.TokenEntry) ([]byte, error) {
	item, err := yaml.Marshal([]access.TokenEntry{entry})
	if err != nil {
		return nil, fault.Wrap(err, fault.Bug, "YAML_FAILED", "the entry cannot be rendered")
	}
	if len(bytes.TrimSpace(old)) == 0 {
		old = []byte("tokens:\n")
	}
	if !bytes.HasSuffix(old, []byte("\n")) {
		old = append(old, '\n')
	}
	return append(old, item...), nil
}
