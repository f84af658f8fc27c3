# What bash would offer for a command line: complete.bash PROGRAM WORD... (the last is the one
# being typed). bash itself parts words at "=", so give --output=js as three words.
source <("$1" completion bash)
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
"_${1//-/_}"
(( ${#COMPREPLY[@]} == 0 )) || printf '%s\n' "${COMPREPLY[@]}"
