# lib.sh: what scripts/test and scripts/demo share: messages, Debian packages, configuring and building.
# Sourced, never run. Leaves the caller in the top folder of the project with errors fatal (set -eu, pipefail).
# Environment: TERRACE_NO_INSTALL=1 installs nothing (for machines that are not Debian, or offline).
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
readonly project_dir=$PWD
export LC_ALL=C.UTF-8

if [ -t 1 ]; then
    readonly bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
    readonly bold='' red='' green='' plain=''
fi

headline() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '   %s\n' "$*"; }
die() {
    printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
    shift
    [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
    exit 1
}

# The type of the file system that a folder is on: ext4, tmpfs, overlay, …
file_system() {
    local type
    type=$(df --output=fstype -- "$1" 2>/dev/null | tail -n 1)
    [[ $type == [a-z]* ]] || type=$(stat -f -c %T -- "$1")  # in a chroot, df may not know
    echo "$type"
}

# packages_in LIST…: the names in scripts/packages/LIST.txt, without the comments.
packages_in() {
    local list
    for list; do
        sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "scripts/packages/$list.txt"
    done | sort -u
}

# missing_packages NAME…: those of the names that are not installed.
missing_packages() {
    local installed
    installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' -- "$@" 2>/dev/null | sed -n 's/^.i //p' | sort -u)
    printf '%s\n' "$@" | sort -u | comm -23 - <(printf '%s\n' "$installed")
}

# As root, or through sudo, without questions.
as_root() {
    local quiet=(env DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true)
    if [ "$(id -u)" -eq 0 ]; then
        "${quiet[@]}" "$@"
    else
        sudo "${quiet[@]}" "$@"
    fi
}

apt_get() { as_root apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$package_log" 2>&1; }

# Whether apt knows every one of these packages; on a fresh machine it may know none before its first update.
apt_knows() {
    local name
    for name; do
        apt-cache show --no-all-versions "$name" >/dev/null 2>&1 || return 1
    done
}

# install_packages LIST…: makes sure that the packages of scripts/packages/LIST.txt are there. Installs what is missing
# and nothing else; costs one dpkg-query where nothing is.
install_packages() {
    [ "${TERRACE_NO_INSTALL:-0}" != 1 ] || return 0
    local wanted missing
    wanted=$(packages_in "$@")
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        die "this script installs what it needs with apt-get, and this is not a Debian machine." \
            "Install the counterparts of these packages, then run it with TERRACE_NO_INSTALL=1:" $wanted
    fi
    missing=$(missing_packages $wanted)
    [ -n "$missing" ] || return 0

    headline "Installing Debian packages:" $missing
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        die "installing packages needs root or sudo, and neither is here. As root, run:" \
            "apt-get install --no-install-recommends $(tr '\n' ' ' <<<"$missing")"
    fi
    mkdir -p build
    package_log=build/packages.log
    : >"$package_log"
    local updated=no
    if ! apt_knows $missing; then
        note "apt-get update"
        apt_get update || die "apt-get update failed; the end of $package_log:" "$(tail -n 5 "$package_log")"
        updated=yes
    fi
    note "apt-get install (log: $package_log)"
    if ! apt_get install --no-install-recommends $missing && [ $updated = no ]; then
        # The lists that apt had may name versions that the mirror no longer has.
        note "apt-get update, and once more"
        apt_get update && apt_get install --no-install-recommends $missing || true
    fi
    explain_what_is_still_missing $missing
}

# A server whose start failed, for want of an init system or of a free port, leaves its package "half-configured". Its
# program is there, and that is all we need; anything less is an error.
explain_what_is_still_missing() {
    local name status absent=() unconfigured=()
    for name in $(missing_packages "$@"); do
        status=$(dpkg-query -W -f '${db:Status-Status}' -- "$name" 2>/dev/null || true)
        case $status in
            half-configured | triggers-*) unconfigured+=("$name") ;;
            *) absent+=("$name") ;;
        esac
    done
    [ ${#unconfigured[@]} -eq 0 ] || note "installed, but not started by Debian: ${unconfigured[*]}"
    [ ${#absent[@]} -eq 0 ] || die "could not install: ${absent[*]}. The end of $package_log:" "$(tail -n 8 "$package_log")"
}

# build_preset NAME [TARGET]: configures and builds in build/NAME; quick when nothing changed.
build_preset() {
    local target=${2:-all}
    command -v cmake >/dev/null || die "cmake is missing (and TERRACE_NO_INSTALL is set)"
    mkdir -p "build/$1"
    local log=build/$1/configure.log
    cmake --preset "$1" >"$log" 2>&1 || die "cmake --preset $1 failed:" "$(tail -n 20 "$log")"
    # Only what matters goes to a log file; a person at a terminal sees ninja's progress line.
    if [ -t 1 ]; then
        cmake --build --preset "$1" --target "$target"
    else
        log=build/$1/build.log
        cmake --build --preset "$1" --target "$target" >"$log" 2>&1 || die "building $1 failed:" "$(grep -m 40 -E 'error|FAILED|warning' "$log" || tail -n 40 "$log")"
    fi
}
