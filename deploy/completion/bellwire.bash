# Completion of bellwire for bash. The options are asked from the program.
_bellwire()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=
	[ "$COMP_CWORD" -gt 0 ] && before=${COMP_WORDS[COMP_CWORD - 1]}
	local options
	options=$("${COMP_WORDS[0]}" --help 2>/dev/null |
		sed -n 's/^  \(--[a-z-]*\) .*/\1/p')
	COMPREPLY=()
	case $before in
	-c | --tls-cert | --tls-key | --tls-client-ca | --auth-*-file | --spool)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--chroot)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return
		;;
	--emit)
		mapfile -t COMPREPLY < <(compgen -W "stdout fifo: serial:" -- "$word")
		return
		;;
	--format)
		mapfile -t COMPREPLY < <(compgen -W "line json logfmt" -- "$word")
		return
		;;
	--sandbox)
		mapfile -t COMPREPLY < <(compgen -W "auto require off" -- "$word")
		return
		;;
	--log-level)
		mapfile -t COMPREPLY < <(compgen -W "error warn info debug" -- "$word")
		return
		;;
	--user)
		mapfile -t COMPREPLY < <(compgen -u -- "$word")
		return
		;;
	--*)
		return # a value that nobody can guess
		;;
	esac
	if [ "$COMP_CWORD" = 1 ]; then
		options="check render probe version --help --version $options"
	elif [ "${COMP_WORDS[1]}" = render ]; then
		options="--format $options"
	fi
	mapfile -t COMPREPLY < <(compgen -W "-c $options" -- "$word")
}
complete -F _bellwire bellwire
