package cli

import (
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

const adoptHelp = `Adopt makes a tenant of a database that was created by hand, by GORM's AutoMigrate or
by any other tool. Not a statement is run on its tables: it is inspected, compared with
the target like with like, and recorded as it really is. The next preview then shows
exactly what is missing, and execute brings it.

A difference is one of three:
  cosmetic     nobody notices: a comment, the name of a constraint
  acceptable   it is recorded, and a later execution settles it
  BLOCKING     what is there cannot be taken for what is wanted, such as a text where a
               number should be; nothing is recorded (exit code 3)

A database that AutoMigrate built from the same structs shows no difference at all.
Tables that no module owns are listed, and never touched.

With --again a tenant that was changed outside lockstep is recorded as it is now.`

const adoptExample = `  # What would be recorded? Nothing is yet.
  lockstep adopt --module example.com/entities/crm@v1.0.0 --target sqlite:acme.db --preview

  # Take it over, and see what it lacks
  lockstep adopt --module example.com/entities/crm@v1.0.0 --target sqlite:acme.db
  lockstep preview --module example.com/entities/crm@v1.0.0 --target sqlite:acme.db

  # Accept what drifted, once the entities declare it
  lockstep adopt --again --module example.com/entities/crm@v1.0.1 --target sqlite:acme.db`

func (a *app) adoptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "adopt --module PATH@VERSION … --target URL",
		Short:   "Make a tenant of a database that something else has created",
		Long:    adoptHelp,
		Example: adoptExample,
		Args:    exactly(),
	}
	cmd.Flags().SortFlags = false
	set, target := addSet(cmd, true), addTarget(cmd)
	set.target = target
	preview := cmd.Flags().Bool("preview", false, "only compare and report; record nothing")
	again := cmd.Flags().Bool("again", false, "record a tenant again, which was changed outside lockstep")
	actor := cmd.Flags().String("actor", "", "who asks, for the record (default: the current user)")
	lockWait := cmd.Flags().Duration("lock-wait", 10*time.Second, "how long to wait for an execution on the same tenant")
	format := addFormat(cmd)
	connect := addConnect(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := format.check(cmd); err != nil {
			return err
		}
		if *lockWait < 0 {
			return usagef(cmd, "a timeout cannot be negative")
		}
		modules, dirs, err := set.read(cmd)
		if err != nil {
			return err
		}
		req := &lockstepv1.AdoptDatabaseRequest{
			Modules: modules, Preview: *preview, Again: *again, LockWait: durationpb.New(*lockWait),
		}
		if req.Actor, err = a.actor(cmd, connect, *actor); err != nil {
			return err
		}
		if req.Target, req.Tenant, err = a.target(cmd, target); err != nil {
			return err
		}
		conn, err := a.connect(cmd.Context(), cmd, connect, dirs)
		if err != nil {
			return err
		}
		defer conn.closing()
		resp, err := migrationClient(conn).AdoptDatabase(cmd.Context(), req)
		if err != nil {
			return err
		}
		return render(a, format, resp, (*text.Printer).Adopted)
	}
	return cmd
}
