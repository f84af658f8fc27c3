# What bash would offer for a command line: complete.bash gpuslice WORD... (the last is the one
# being typed). bash itself parts words at "=", so give --output=js as three words.
source <(gpuslice completion bash)
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_gpuslice
(( ${#COMPREPLY[@]} == 0 )) || printf '%s\n' "${COMPREPLY[@]}"
