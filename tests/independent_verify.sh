#!/usr/bin/env bash
# Checks a store with sha256sum and openssl alone, sharing nothing with the program that wrote it.
# Usage: independent_verify.sh STORE      Exit: 0 all fits, 1 something does not (the first thing is printed).
set -euo pipefail
export LC_ALL=C
cd -- "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "does not verify: $*"; exit 1; }
sha256() { sha256sum | cut -d ' ' -f 1; }
bytes_of() { printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"; } # hex -> bytes

# RFC 6962 section 2.1: a leaf is hashed after a byte 0, an inner node after a byte 1.
hash_leaf() { { printf '\0'; cat -- "$1"; } | sha256; }
hash_node() { { printf '\1'; bytes_of "$1$2"; } | sha256; }

# Hashes of the complete subtrees so far, the largest first.
peaks=()
add_leaf() { # $1: number of leaves before, $2: hash
  local before=$1 hash=$2
  while ((before & 1)); do
    hash=$(hash_node "${peaks[-1]}" "$hash")
    unset 'peaks[-1]'
    before=$((before >> 1))
  done
  peaks+=("$hash")
}
root() {
  local hash=${peaks[-1]} i
  for ((i = ${#peaks[@]} - 2; i >= 0; i--)); do hash=$(hash_node "${peaks[i]}" "$hash"); done
  echo "$hash"
}

# The strings "path" and "sha256" of the objects in the list "files" of an entry, one file on each line.
named_files() {
  awk '{
    depth = 0; text = 0; word = ""; top = ""; key = ""; n = length($0)
    for (i = 1; i <= n; i++) {
      c = substr($0, i, 1)
      if (text) {
        if (c == "\\") { word = word c substr($0, ++i, 1) }
        else if (c == "\"") {
          text = 0
          is_key = (substr($0, i + 1, 1) == ":")
          if (is_key && depth == 1) top = word
          else if (is_key && depth == 3) key = word
          else if (!is_key && depth == 3 && top == "files") found[key] = word
        } else word = word c
      }
      else if (c == "\"") { text = 1; word = "" }
      else if (c == "{" || c == "[") depth++
      else if (c == "}" || c == "]") {
        if (c == "}" && depth == 3 && top == "files") print found["sha256"] "  " found["path"]
        depth--
      }
    }
  }' "$1"
}

# 1. The key is the one that entry 0 names.
key=$(sha256sum ledger/key.pub | cut -d ' ' -f 1)
grep -q "\"public_key_sha256\":\"$key\"" ledger/0000000000.json || fail "ledger/key.pub is not the key of entry 0"

# 2. Each entry names the digest of the one before; 3. each checkpoint signs the root over the entries before it.
size=$(sed -n 2p ledger/checkpoint)
previous=$(printf '0%.0s' {1..64})
for ((number = 0; number < size; number++)); do
  entry=$(printf 'ledger/%010d.json' "$number")
  note=$(printf 'ledger/checkpoints/%010d' $((number + 1)))
  [[ -f $entry && -f $note ]] || fail "$entry or $note is missing"
  tail -c 74 "$entry" | grep -q "\"prev\":\"$previous\"}\$" || fail "$entry does not continue the one before"
  previous=$(sha256sum "$entry" | cut -d ' ' -f 1)
  add_leaf "$number" "$(hash_leaf "$entry")"
  [[ $(sed -n 2p "$note") == $((number + 1)) ]] || fail "$note is of another size"
  [[ $(sed -n 3p "$note") == "$(bytes_of "$(root)" | base64 -w 0)" ]] || fail "$note does not sign the entries"
  head -n 3 "$note" >"$work/signed"
  tail -n 1 "$note" | cut -d ' ' -f 3 | base64 -d | tail -c 64 >"$work/signature"
  openssl pkeyutl -verify -pubin -inkey ledger/key.pub -rawin -in "$work/signed" -sigfile "$work/signature" \
    >/dev/null 2>&1 || fail "$note is not signed by ledger/key.pub"
  named_files "$entry" >>"$work/named"
done
cmp -s ledger/checkpoint "$note" || fail "ledger/checkpoint is not the newest"
[[ ! -e $(printf 'ledger/%010d.json' "$size") ]] || fail "an entry that no checkpoint signs"

# 4. Each file that an entry names has the digest that the entry says; 5. nothing else is there.
if [[ -s $work/named ]]; then
  sha256sum --check --strict --quiet "$work/named" >"$work/changed" 2>&1 || fail "$(head -n 1 "$work/changed")"
fi
cut -c 67- "$work/named" | sort -u >"$work/expected"
find . -path ./cache -prune -o -path ./ledger -prune -o -path ./spool -prune -o -name '.tmp-*' -prune -o \
  ! -type d -printf '%P\n' | sort >"$work/found"
more=$(comm -13 "$work/expected" "$work/found" | head -n 1)
[[ -z $more ]] || fail "$more: no entry names it"

echo "verifies: $size entries, $(wc -l <"$work/expected") files, root $(root)"
