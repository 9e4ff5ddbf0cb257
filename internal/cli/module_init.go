package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// manifestName is the manifest at a module's root.
const manifestName = "lockstep.yaml"

func (a *app) initCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Propose a lockstep.yaml for a module, and say why",
		Long: "Init reads the module in DIR and prints a lockstep.yaml for it: which packages hold\n" +
			"entities, why each exported struct was taken or left out, and the naming strategy and\n" +
			"other settings of GORM that were seen in the source. Read it, and put it at the\n" +
			"module's root; --write does that, unless there is one. It runs on this machine; a\n" +
			"module source is asked only for types of other modules that a column needs.",
		Example: "  lockstep module init ./crm\n  lockstep module init ./crm --write",
		Args:    exactly("DIR"),
	}
	write := cmd.Flags().Bool("write", false, "write DIR/lockstep.yaml, unless there is one")
	format := addFormat(cmd)
	connect := addConnect(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := format.check(cmd); err != nil {
			return err
		}
		w, err := openWorkingCopy(args[0])
		if err != nil {
			return err
		}
		conn, err := a.connectLocal(cmd, connect, w)
		if err != nil {
			return err
		}
		defer conn.closing()
		resp, err := moduleClient(conn).ProposeManifest(cmd.Context(), &lockstepv1.ProposeManifestRequest{Path: w.path})
		if err != nil {
			return err
		}
		if *write {
			if err := writeNew(filepath.Join(w.dir, manifestName), resp.GetManifest()); err != nil {
				return err
			}
		}
		if format.value == formatJSON {
			return render(a, format, resp, nil)
		}
		if *write {
			return a.printLine("wrote " + filepath.Join(w.dir, manifestName))
		}
		return a.printLine(strings.TrimRight(text.Clean(resp).GetManifest(), "\n"))
	}
	return cmd
}

// writeNew writes a file that is not there yet.
func writeNew(name, content string) error {
	f, err := os.OpenFile(filepath.Clean(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a source file, as readable as its neighbours
	if errors.Is(err, fs.ErrExist) {
		return fault.Wrap(err, fault.Exists, "MANIFEST_EXISTS", "%s is there already", name).
			Suggest("leave --write out to see what would be proposed")
	}
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "FILE_UNWRITABLE", "%s cannot be written", name)
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return fault.Wrap(err, fault.Unavailable, "FILE_UNWRITABLE", "%s cannot be written", name)
	}
	return nil
}
