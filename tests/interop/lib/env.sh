# Sourced by the scripts of this folder: where the kit is, where our packages go, and which Node.js runs them.
export PORTCULLIS_KIT="${PORTCULLIS_KIT:-$(dirname "${BASH_SOURCE[0]}")/../../../../shared/kit/open}"
PORTCULLIS_KIT=$(cd "$PORTCULLIS_KIT" && pwd -P)
. "$PORTCULLIS_KIT/lib/env.sh"
export INTEROP_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/portcullis-interop"
