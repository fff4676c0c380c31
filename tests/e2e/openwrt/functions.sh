#!/bin/sh
# What the init script of deploy/openwrt has from OpenWrt, as far as it uses it, and
# as base-files has it: config_load evaluates what `uci export` says, $UCI, and calls
# config_cb, option_cb and list_cb. Every word that procd and the log are told is
# written to $SAID, a call a line.
# shellcheck shell=dash

say() {
	printf '%s\037' "$@"
	echo
} >>"$SAID"

config() { # TYPE NAME
	CONFIG_SECTION=$2
	CONFIG_SECTIONS="$CONFIG_SECTIONS $2"
	config_set "$2" TYPE "$1"
	config_cb "$1" "$2"
}
option() { # NAME VALUE
	config_set "$CONFIG_SECTION" "$1" "$2"
	option_cb "$1" "$2"
}
list() { # NAME VALUE
	local len

	config_get len "$CONFIG_SECTION" "$1_LENGTH" 0
	len=$((len + 1))
	config_set "$CONFIG_SECTION" "$1_ITEM$len" "$2"
	config_set "$CONFIG_SECTION" "$1_LENGTH" "$len"
	list_cb "$1" "$2"
}
config_set() { # SECTION OPTION VALUE
	eval "CONFIG_$1_$2=\$3"
}
config_load() {
	local data

	say config_load "$1"
	CONFIG_SECTIONS='' CONFIG_SECTION=''
	data=$(cat "$UCI" 2>/dev/null) || return 1
	eval "$data"
	${CONFIG_SECTION:+config_cb}
}
config_foreach() { # FUNCTION TYPE
	local section cfgtype

	for section in $CONFIG_SECTIONS; do
		config_get cfgtype "$section" TYPE
		[ "$cfgtype" != "$2" ] || eval "$1 \"\$section\""
	done
}
config_get() { # VARIABLE SECTION OPTION [DEFAULT]
	eval "$1=\${CONFIG_$2_$3:-\${4-}}"
}
config_get_bool() {
	local _tmp

	config_get _tmp "$2" "$3" "${4-}"
	case $_tmp in
	1 | on | true | yes | enabled) _tmp=1 ;;
	0 | off | false | no | disabled) _tmp=0 ;;
	*) _tmp=${4-} ;;
	esac
	eval "$1=\$_tmp"
}
config_list_foreach() { # SECTION OPTION FUNCTION [ARGUMENT...]
	local val len c=1 section=$1 option=$2 function=$3

	shift 3
	config_get len "$section" "${option}_LENGTH" 0
	while [ "$c" -le "$len" ]; do
		config_get val "$section" "${option}_ITEM$c"
		"$function" "$val" "$@"
		c=$((c + 1))
	done
}
rc_procd() {
	"$@"
}

for name in procd_open_instance procd_close_instance procd_set_param \
	procd_append_param procd_add_jail procd_add_jail_mount \
	procd_add_jail_mount_rw procd_add_reload_trigger chown logger; do
	eval "$name() { say $name \"\$@\"; }"
done
