#!/usr/bin/env bash
# demo.sh: the story of lockstep on three SQLite tenants, told with the commands
# that anybody could type. `make demo` builds the binary and runs it.
#
# Everything happens in .demo/, which is made anew. Each step says what it is and
# why, shows the command, and then whatever the command really answers. A step
# that ends otherwise than the story says stops the demo.
set -euo pipefail
cd "$(dirname "$0")/.."
repo=$PWD
rm -rf .demo
mkdir -p .demo
go build -o .demo/bin/demo ./internal/demo
PATH=$repo/bin:$repo/.demo/bin:$PATH
cd .demo

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
else
  bold='' dim='' plain=''
fi

chapter=0
step() { # TITLE WHY
  chapter=$((chapter + 1))
  printf '\n%s%d. %s%s\n%s%s%s\n' "$bold" "$chapter" "$1" "$plain" "$dim" "$2" "$plain"
}

show() { # prints a command as it would be typed
  local word line='$'
  for word in "$@"; do
    if [[ $word =~ [^A-Za-z0-9_./:=@%+,-] ]]; then word="\"$word\""; fi
    line+=" $word"
  done
  printf '\n%s%s%s\n' "$bold" "$line" "$plain"
}

ends() { # CODE COMMAND...: runs it, and insists on its exit code
  local want=$1 got=0
  shift
  show "$@"
  "$@" 2>&1 || got=$?
  if ((got != 0)); then printf '%s(exit code %d)%s\n' "$dim" "$got" "$plain"; fi
  if ((got != want)); then
    echo "the demo expected exit code $want" >&2
    exit 1
  fi
}

run() { ends 0 "$@"; }

digest() { # COMMAND...: the digest in the answer, as a pipeline would take it
  "$@" --format json | sed -n 's/.*"digest": *"\([^"]*\)".*/\1/p' | head -n 1
}

common=github.com/lockstepdb/lockstep/entities
crm=$common/crm billing=$common/billing network=$common/network

# ---------------------------------------------------------------------------
step "The modules" \
  "Teams release their entity structs as Go modules. Here they go to a proxy that is just a directory."
run demo unpack modules
for dir in modules/*/*; do
  ends 0 lockstep module publish "$dir" "$(basename "$dir")" --to "file://$PWD/proxy"
done

export LOCKSTEP_SOURCE=file://$PWD/proxy LOCKSTEP_CACHE_DIR=$PWD/cache
show export "LOCKSTEP_SOURCE=$LOCKSTEP_SOURCE"
run lockstep module versions "$crm"

step "Preview a new tenant" \
  "Nothing is touched; exit code 2 tells a pipeline that there is something to do."
ends 2 lockstep preview --module "$network@v1.0.0" --target sqlite:initech.db --exit-code

step "Onboard three tenants" \
  "Each has its own set of modules. crm requires common, so common comes along."
run lockstep execute --module "$crm@v1.1.0" --target sqlite:acme.db --actor onboarding --progress none
run lockstep execute --module "$crm@v1.1.0" --module "$billing@v1.0.0" --target sqlite:globex.db --actor onboarding --progress none
run lockstep execute --module "$billing@v1.0.0" --module "$network@v1.0.0" --target sqlite:initech.db --actor onboarding --progress none

step "The tenants work" \
  "Rows come in, as a business service would write them. Two of globex's customers share an address."
run demo sql acme.db "INSERT INTO accounts (id, name) VALUES (1, 'Acme')"
run demo sql acme.db "INSERT INTO customers (id, account_id, name, email) VALUES (1, 1, 'Wile E. Coyote', 'wile@example.com')"
run demo sql acme.db "INSERT INTO contacts (customer_id, name, email, phone, fax) VALUES (1, 'Road Runner', 'beep@example.com', '555-0100', '555-0199')"
run demo sql acme.db "INSERT INTO notes (customer_id, body) VALUES (1, 'wants rockets')"
run demo sql acme.db "INSERT INTO deals (customer_id, title, amount_cents) VALUES (1, 'Rocket skates', 49900)"
run demo sql globex.db "INSERT INTO accounts (id, name) VALUES (1, 'Globex')"
run demo sql globex.db "INSERT INTO customers (id, account_id, name, email) VALUES (1, 1, 'Homer', 'simpson@example.com'), (2, 1, 'Marge', 'simpson@example.com')"
run demo sql globex.db "INSERT INTO contacts (customer_id, name, email, phone) VALUES (1, 'Lenny', 'lenny@example.com', '555-0113')"

step "Grey release: preview with add-only" \
  "Old and new code will run side by side on acme, so only what the old code cannot notice may change."
run lockstep preview --module "$crm@v1.3.0" --target sqlite:acme.db --strategy add-only

step "Grey release: execute" \
  "Renames, drops and NOT NULL stay pending; the new column comes nullable for now."
run lockstep execute --module "$crm@v1.3.0" --target sqlite:acme.db --strategy add-only --actor release
run demo sql acme.db "SELECT name, phone, fax FROM contacts"

step "The rest: full, but nobody drops what they have not seen" \
  "globex goes to v1.3.0 in one go. That drops a column and a table, so it is refused without the plan's digest."
ends 3 lockstep execute --module "$crm@v1.3.0" --module "$billing@v1.1.0" --target sqlite:globex.db --strategy full --actor release

step "See it, then execute exactly that" \
  "The digest covers the base, the target, the modules' hashes and every byte of SQL."
preview=(lockstep preview --module "$crm@v1.3.0" --module "$billing@v1.1.0" --target sqlite:globex.db --strategy full)
run "${preview[@]}"
run lockstep execute --module "$crm@v1.3.0" --module "$billing@v1.1.0" --target sqlite:globex.db --strategy full \
  --plan "$(digest "${preview[@]}")" --actor release --progress none
run demo sql globex.db "SELECT name, phone_number FROM contacts"

step "Finish the grey release" \
  "The old code is gone from acme. Its deals get their currency, and then full finds what was left pending."
run demo sql acme.db "UPDATE deals SET currency = 'EUR' WHERE currency IS NULL"
preview=(lockstep preview --module "$crm@v1.3.0" --target sqlite:acme.db --strategy full)
run "${preview[@]}"
run lockstep execute --module "$crm@v1.3.0" --target sqlite:acme.db --strategy full \
  --plan "$(digest "${preview[@]}")" --actor release --progress none
run demo sql acme.db "SELECT d.title, d.currency, a.body, c.phone_number FROM deals d JOIN activities a USING (customer_id) JOIN contacts c USING (customer_id)"

step "An upgrade that the data forbids" \
  "v1.4.0 makes email addresses unique, and two of globex's customers share one. All is undone, and told."
ends 5 lockstep execute --module "$crm@v1.4.0" --module "$billing@v1.1.0" --target sqlite:globex.db --actor release --progress none

step "Mend it and run again" \
  "The suggestion is followed; the same command now goes through."
run demo sql globex.db "UPDATE customers SET email = 'marge@example.com' WHERE name = 'Marge'"
run lockstep execute --module "$crm@v1.4.0" --module "$billing@v1.1.0" --target sqlite:globex.db --actor release --progress none

step "The history" \
  "It lives in the tenant's own database, failed executions included, so a restored backup knows what it is."
run lockstep history --target sqlite:globex.db
run lockstep history --target sqlite:acme.db

step "Nothing left to do" \
  "Running again changes nothing and costs one query; exit code 0 says so to a pipeline."
run lockstep preview --module "$crm@v1.3.0" --target sqlite:acme.db --strategy full --exit-code

printf '\n%sThe demo went as told. Its files are in .demo/.%s\n' "$bold" "$plain"
