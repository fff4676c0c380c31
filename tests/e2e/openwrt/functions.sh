#!/bin/sh
# What the init script of deploy/openwrt has from OpenWrt, as far as it uses it:
# UCI values out of files, $UCI/SECTION/OPTION, a value a line; and every word that
# procd is told is written to $SAID, a call a line.
# shellcheck shell=dash

say() {
	printf '%s\037' "$@"
	echo
} >>"$SAID"

config_load() {
	say config_load "$1"
}
config_foreach() {
	local section

	for section in "$UCI"/*; do
		"$1" "${section##*/}"
	done
}
config_get() { # VARIABLE SECTION OPTION [DEFAULT]
	local _value=${4-}

	[ ! -e "$UCI/$2/$3" ] || _value=$(cat "$UCI/$2/$3")
	eval "$1=\$_value"
}
config_get_bool() {
	config_get "$@"
	eval "case \$$1 in 1 | on | true | yes | enabled) $1=1 ;; *) $1=0 ;; esac"
}
config_list_foreach() { # SECTION OPTION FUNCTION [ARGUMENT...]
	local val file="$UCI/$1/$2" function=$3

	shift 3
	[ -e "$file" ] || return 0
	while read -r val; do
		"$function" "$val" "$@" || break
	done <"$file"
}

for name in procd_open_instance procd_close_instance procd_set_param \
	procd_append_param procd_add_jail procd_add_jail_mount \
	procd_add_jail_mount_rw procd_add_reload_trigger chown; do
	eval "$name() { say $name \"\$@\"; }"
done
