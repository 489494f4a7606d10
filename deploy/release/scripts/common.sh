#!/bin/sh
# What the packages' scripts share; each of them has this at its beginning. Every step may be done again.
set -e
name=docusign-auth-proxy
program=/usr/bin/$name
unit=$name.service
etc=/etc/$name
config=$etc/config.yaml
state=/var/lib/$name

say() { echo "$name: $*"; }

# Without systemd as the first process, in a container or a chroot, nothing is started or stopped here.
systemd_runs() { [ -d /run/systemd/system ]; }

# Debian's wrapper asks policy-rc.d, which keeps services from starting while an image is built.
service() {
  if command -v deb-systemd-invoke >/dev/null; then deb-systemd-invoke "$1" $unit; else systemctl "$1" $unit; fi
}

make_user() {
  getent passwd $name >/dev/null && return
  if [ -f /usr/lib/sysusers.d/$name.conf ] && command -v systemd-sysusers >/dev/null; then
    systemd-sysusers $name.conf
  else
    useradd --system --user-group --home-dir $state --no-create-home --shell /usr/sbin/nologin $name
  fi
}

# Root writes configuration and keys, the proxy reads them. The state is the proxy's alone.
make_folders() {
  install -d -m 0750 -o root -g $name $etc $etc/keys
  install -d -m 0700 -o $name -g $name $state
  if [ -f $config ] && [ "$(stat -c %G $config)" = root ]; then chgrp $name $config; fi
}

check() { runuser -u $name -- $program config check --config $config; }

warn_of_others() {
  other=/etc/systemd/system/$unit
  if [ -f $other ] && [ ! -L $other ]; then
    say "$other hides the unit of this package."
    say "next: $program service install, which takes it away; then: systemctl restart $name"
  fi
}

tell_first_steps() {
  say "installed, but neither enabled nor started: $config is not ready yet."
  cat <<EOF
next: edit $config and put DocuSign's private key into $etc/keys, then
  docusign-auth-proxy ca init --dir $etc --key keys/ca-key.pem
  chgrp -R $name $etc/keys && chmod -R u=rwX,g=rX,o= $etc/keys
  runuser -u $name -- $name config check --config $config
  systemctl enable --now $name
EOF
}

# A configuration that fails the check starts nothing, also not at the next boot, and stops nothing that runs with it.
# The argument is the command that has it start with the machine.
first_start() {
  if ! check >/dev/null 2>&1; then tell_first_steps; return; fi
  $1
  if systemd_runs; then service start || say "it did not start. next: journalctl -u $name"; fi
}

start_new_version() {
  systemd_runs && systemctl --quiet is-active $unit || return 0
  if check; then
    service try-restart || say "it did not start again. next: journalctl -u $name"
  else
    say "the version before goes on running: this one finds the faults above in $config."
    say "next: mend them, then: systemctl restart $name"
  fi
}

stop() {
  if systemd_runs; then service stop; fi
}

reload_units() {
  if systemd_runs; then systemctl daemon-reload; fi
}
