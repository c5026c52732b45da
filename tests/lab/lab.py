#!/usr/bin/env python3
"""Boots the machines that tests/lab/models describes and reports on the tests inside. Called by tests/lab/run, which see."""

import argparse
import concurrent.futures
import lzma
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
TOPOLOGIES = SOURCE / "tests" / "data" / "topologies"
SKIPPED = 77
SHORT = ["power_cut_disk", "power_cut_fsdax", "dram_hbm_cxl", "kmem_dax"]  # what CI has time for
NIGHTLY_CUTS = 20
NIGHTLY_LIMIT = 3600  # seconds for a machine that runs all programs

# What is loaded, in the order of need; modules that they depend on come first by themselves.
BASE_MODULES = ["virtio_pci", "9pnet_virtio", "9p", "virtio_blk"]
EXT4_MODULES = ["crc32c_generic", "crc32c-intel", "ext4"]
PMEM_MODULES = ["nfit", "nd_pmem", "device_dax", "kmem", "dax_pmem"]
CXL_MODULES = ["cxl_acpi", "cxl_pci", "cxl_mem", "cxl_pmem"]
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def bytes_of(text):
    match = re.fullmatch(r"(\d+)([KMG])", text)
    if not match:
        raise ValueError(f"'{text}' is no size; accepted: 256M, 1G")
    return int(match[1]) * UNITS[match[2]]


class Model:
    """A machine, as tests/lab/models/NAME.toml describes it; docs/lab.md explains the words."""

    WORDS = {"about", "hmat", "nodes", "distances", "speeds", "pmem", "cxl", "disk", "kernel", "set_up", "tests", "power_cuts"}

    def __init__(self, path):
        self.name = path.stem
        with open(path, "rb") as file:
            its = tomllib.load(file)
        unknown = set(its) - self.WORDS
        if unknown:
            sys.exit(f"{path}: unknown: {', '.join(sorted(unknown))}; accepted: {', '.join(sorted(self.WORDS))}")
        self.about = its["about"]
        self.hmat = its.get("hmat", False)
        self.nodes = its["nodes"]
        self.distances = [line.split() for line in its.get("distances", [])]
        self.speeds = [line.split() for line in its.get("speeds", [])]
        self.pmem = its.get("pmem", [])
        self.cxl = its.get("cxl")
        self.disk = its.get("disk")
        self.kernel = its.get("kernel", "")
        self.set_up = its.get("set_up", "")
        self.power_cuts = its.get("power_cuts", 0)
        self.tests = its.get("tests", ["power_cut"] if self.power_cuts else ["lab_placement"])
        sizes = [device["size"] for device in self.pmem]
        if len(sizes) != len(set(sizes)):
            sys.exit(f"{path}: pmem devices are told apart by their sizes, which must differ")

    def modules(self):
        names = list(BASE_MODULES)
        if self.disk or any(device["mode"] == "fsdax" for device in self.pmem):
            names += EXT4_MODULES
        if self.cxl:
            names += CXL_MODULES
        if self.pmem or self.cxl:
            names += PMEM_MODULES
        return names

    def machine(self, folder):
        """QEMU's arguments for this machine."""
        options = ["q35"] + ["hmat=on"] * self.hmat + ["nvdimm=on"] * bool(self.pmem)
        if self.cxl:
            options += ["cxl=on", "cxl-fmw.0.targets.0=cxl", "cxl-fmw.0.size=4G"]
        total = sum(bytes_of(node["size"]) for node in self.nodes if "size" in node)
        behind = sum(bytes_of(device["size"]) for device in self.pmem)
        memory = f"{total >> 20}M"
        if self.pmem:
            memory += f",slots={len(self.pmem)},maxmem={(total + behind + (1 << 30)) >> 20}M"
        # erms: kernel and C library would copy and clear by "rep movsb", which the emulation does byte by byte.
        cpus = 1 + max(int(cpu) for node in self.nodes for cpu in re.findall(r"\d+", node.get("cpus", "")))
        arguments = ["-accel", "tcg", "-machine", ",".join(options), "-cpu", "max,erms=off", "-m", memory, "-smp", str(cpus)]
        for node in self.nodes:
            number, option = node["node"], f"node,nodeid={node['node']}"
            if "size" in node:
                arguments += ["-object", f"memory-backend-ram,id=m{number},size={node['size']}"]
                option += f",memdev=m{number}"
            if "cpus" in node:
                option += f",cpus={node['cpus']}"
            if "near" in node and self.hmat:
                option += f",initiator={node['near']}"
            arguments += ["-numa", option]
        for a, b, value in self.distances:
            arguments += ["-numa", f"dist,src={a},dst={b},val={value}"]
        for initiator, target, latency, bandwidth in self.speeds:
            where = f"hmat-lb,initiator={initiator},target={target},hierarchy=memory"
            arguments += ["-numa", f"{where},data-type=access-latency,latency={latency.removesuffix('ns')}",
                          "-numa", f"{where},data-type=access-bandwidth,bandwidth={bandwidth}"]
        for number, device in enumerate(self.pmem):
            file = folder / f"pmem{number}"
            node = f",node={device['node']}" if "node" in device else ""
            arguments += ["-object", f"memory-backend-file,id=nv{number},share=on,mem-path={file},size={device['size']}",
                          "-device", f"nvdimm,id=nvd{number},memdev=nv{number}{node}"]
        if self.cxl:
            for number, (name, size) in enumerate([("cxl", self.cxl), ("cxl-labels", "1M")]):
                arguments += ["-object", f"memory-backend-file,id=cxl{number},share=on,mem-path={folder / name},size={size}"]
            # Two ports, though one stays empty: of one the kernel does not program the address decoder (there is nothing to decide),
            # and QEMU 7.2 then drops every store.
            arguments += ["-device", "pxb-cxl,bus=pcie.0,bus_nr=12,id=cxl", "-device", "cxl-rp,bus=cxl,port=0,chassis=0,slot=2,id=cxlport0",
                          "-device", "cxl-rp,bus=cxl,port=1,chassis=0,slot=3,id=cxlport1",
                          "-device", "cxl-type3,bus=cxlport0,memdev=cxl0,lsa=cxl1,id=cxldevice"]
        if self.disk:
            arguments += ["-drive", f"file={folder / 'disk'},if=none,id=disk,format=raw,cache=none",
                          "-device", "virtio-blk-pci,bus=pcie.0,drive=disk"]
        return arguments

    def make_files(self, folder):
        """Sparse files behind the devices. Those that are there are kept: a power cut is about what they hold."""
        wanted = [(f"pmem{number}", device["size"]) for number, device in enumerate(self.pmem)]
        if self.cxl:
            wanted += [("cxl", self.cxl), ("cxl-labels", "1M")]
        if self.disk:
            wanted.append(("disk", self.disk))
        for name, size in wanted:
            if not (folder / name).exists():
                with open(folder / name, "wb") as file:
                    file.truncate(bytes_of(size))


class Kernel:
    def __init__(self, folder):
        self.image = self.unpacked(next((folder / "boot").glob("vmlinuz-*")))
        self.modules = next((folder / "lib" / "modules").iterdir())
        self.needs = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            path, needs = line.split(":")
            self.needs[pathlib.Path(path).name.removesuffix(".ko").replace("-", "_")] = [path] + needs.split()

    @staticmethod
    def unpacked(image):
        """Without compression, which takes the guest 5 s of its boot to undo. QEMU boots that as well (CONFIG_PVH)."""
        plain = image.with_name(image.name.replace("vmlinuz", "vmlinux"))
        if not plain.exists():
            packed = image.read_bytes()
            start = packed.find(b"\xfd7zXZ\0")
            if start < 0:
                return image
            try:
                content = lzma.LZMADecompressor().decompress(packed[start:])
            except lzma.LZMAError:
                return image
            if not content.startswith(b"\x7fELF"):
                return image
            partial = plain.with_name(f"{plain.name}.{os.getpid()}")  # another run may be doing the same
            partial.write_bytes(content)
            partial.rename(plain)
        return plain

    def paths(self, names):
        """The modules' files in an order in which they can be loaded. Those built into this kernel have none."""
        ordered = []
        for name in names:
            for path in reversed(self.needs.get(name.replace("-", "_"), [])):
                if path not in ordered:
                    ordered.append(path)
        return ordered


def settings_for(model, options, extra=None):
    def quoted(text):
        return "'" + str(text).replace("'", "'\\''") + "'"

    values = {
        "model": model.name, "about": model.about, "build_dir": options.build_dir, "source_dir": SOURCE,
        "tests": " ".join(model.tests), "set_up": model.set_up, "shell": "yes" if options.shell else "no",
        "save": "yes" if options.save_topologies else "no", "nightly": "yes" if options.nightly else "no", "kept": "no", "last": "",
        "disk": model.disk or "no", "cxl": "yes" if model.cxl else "no",
        "pmem": "\n".join(f"{bytes_of(device['size'])} {device['mode']}" for device in model.pmem),
    }
    values.update(extra or {})
    return "".join(f"{name}={quoted(value)}\n" for name, value in values.items())


def make_initrd(model, kernel, settings, file):
    root = file.parent / "initrd"
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("bin", "lib", "guest", "proc", "sys", "dev", "host"):
        (root / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin" / "busybox")
    names = []
    for path in kernel.paths(model.modules()):
        names.append(pathlib.Path(path).name)
        shutil.copy(kernel.modules / path, root / "lib" / names[-1])
    (root / "modules").write_text("\n".join(names) + "\n")
    (root / "settings").write_text(settings)
    for script in (HERE / "guest").iterdir():
        shutil.copy(script, root / ("" if script.name == "init" else "guest") / script.name)
    (root / "init").chmod(0o755)
    with open(file, "wb") as out:
        subprocess.run("find . | cpio -o -H newc --quiet -R 0:0", shell=True, cwd=root, stdout=out, check=True)
    shutil.rmtree(root)


def start(model, kernel, options, folder, extra=None):
    """Starts the machine, with its files in `folder`. What it prints goes to folder/console.log."""
    share = folder / "share"
    shutil.rmtree(share, ignore_errors=True)
    share.mkdir(parents=True)
    if (folder / "acknowledged").exists():
        shutil.copy(folder / "acknowledged", share / "acknowledged")
    settings = settings_for(model, options, extra)
    (share / "settings").write_text(settings)
    choices = TOPOLOGIES / f"lab_{model.name}.choices"
    if choices.exists():
        shutil.copy(choices, share / "choices")
    model.make_files(folder)
    make_initrd(model, kernel, settings, folder / "initrd.cpio")
    # Dies with this script: a guest that waits for its power cut would never end.
    command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *model.machine(folder),
               "-kernel", str(kernel.image), "-initrd", str(folder / "initrd.cpio"),
               "-append", f"console=ttyS0 quiet nokaslr mitigations=off panic=-1 {model.kernel}",
               "-nographic", "-no-reboot", "-nic", "none"]
    for tag, path, access in (("hostroot", "/", "readonly=on,multidevs=remap"), ("lab", share, "readonly=off")):
        command += ["-fsdev", f"local,id={tag},path={path},security_model=none,{access}",
                    "-device", f"virtio-9p-pci,bus=pcie.0,fsdev={tag},mount_tag={tag}"]
    (folder / "command").write_text(" \\\n  ".join(command) + "\n")
    if options.shell and sys.stdin.isatty():
        return subprocess.Popen(command)
    if options.shell:  # commands from a pipe: the guest's serial line would lose those that come before its shell
        (share / "input").write_bytes(sys.stdin.buffer.read())
        return subprocess.Popen(command, stdin=subprocess.DEVNULL)
    with open(folder / "console.log", "wb") as console:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)


def tail(path, lines):
    if not path.exists():
        return "(nothing)"
    text = path.read_text(errors="replace")
    return "\n".join("    " + line for line in text.splitlines()[-lines:])


def status_of(share, test):
    """(exit status, seconds), or None where the test did not come to its end."""
    path = share / f"{test}.status"
    text = path.read_text().split() if path.exists() else []
    return (int(text[0]), int(text[1])) if len(text) == 2 else None


def run_model(model, kernel, options):
    """(0, 1 or SKIPPED, as a test does; the report)."""
    folder = options.folder / model.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    share = folder / "share"
    began = time.monotonic()
    machine = start(model, kernel, options, folder)
    try:
        machine.wait(timeout=None if options.shell else options.limit)
        ended = "the machine stopped"
    except subprocess.TimeoutExpired:
        ended = f"the machine did not finish in {options.limit} s"
    finally:
        if machine.poll() is None:
            machine.kill()
            machine.wait()
    if options.shell:
        status = status_of(share, "shell")
        return status[0] if status else machine.returncode, ""
    result = 0
    report = [f"{model.name}: {model.about} ({time.monotonic() - began:.0f} s)"]
    if not (share / "setup.log").exists() or (share / "setup.failed").exists():
        report.append(f"  FAILED   it does not come up: {ended}; {folder}/console.log and setup.log end with")
        report.append(tail(folder / "console.log", 15))
        report.append(tail(share / "setup.log", 15))
        return 1, "\n".join(report)
    for test in model.tests:
        status = status_of(share, test)
        if status is not None and status[0] in (0, SKIPPED):
            log = (share / f"{test}.log").read_text(errors="replace")
            skipped = [line for line in log.splitlines() if "SKIPPED" in line or line.startswith("skipped:")]
            report.append(f"  {'ok' if status[0] == 0 else 'skipped':8} {test} ({status[1]} s)" +
                          (f", {skipped[-1].strip()}" if skipped and status[0] == SKIPPED else ""))
            continue
        result = 1
        why = f"exit status {status[0]}" if status else f"{ended} before it ended"
        report.append(f"  FAILED   {test}: {why}; {share}/{test}.log ends with")
        report.append(tail(share / f"{test}.log", 60))
        if status is None:
            report.append(tail(folder / "console.log", 15))
    if options.save_topologies:
        for kind in ("xml", "sys"):
            shutil.copy(share / f"topology.{kind}", TOPOLOGIES / f"lab_{model.name}.{kind}")
    return result, "\n".join(report)


def cut_power(model, kernel, options):
    """Boots, kills the machine while it commits, boots again, as often as the model says; then verifies once more."""
    folder = options.folder / model.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    share = folder / "share"
    cuts = model.power_cuts if options.power_cuts is None else options.power_cuts
    chance = random.Random(options.seed)
    began = time.monotonic()
    for boot in range(cuts + 1):
        extra = {"kept": "yes" if boot else "no", "last": "--verify-only" if boot == cuts else ""}
        machine = start(model, kernel, options, folder, extra)
        log, deadline = share / "power_cut.log", time.monotonic() + options.limit
        try:
            # The log appears on the host line by line; "verified" is followed by transactions.
            while machine.poll() is None and time.monotonic() < deadline and not (share / "power_cut.status").exists():
                if boot < cuts and log.exists() and "verified" in log.read_text():
                    time.sleep(chance.uniform(0.05, 3))
                    break
                time.sleep(0.05)
            else:
                if boot == cuts:
                    machine.wait(timeout=60)
        except subprocess.TimeoutExpired:
            pass
        ended = machine.poll() is not None
        if not ended:
            machine.kill()  # SIGKILL: this is the power cut
            machine.wait()
        status = status_of(share, "power_cut")
        good = status is None and not ended and log.exists() and "verified" in log.read_text() if boot < cuts \
            else status is not None and status[0] == 0
        if not good:
            return 1, "\n".join([
                f"{model.name}: {model.about}",
                f"  FAILED   boot {boot + 1} of {cuts + 1}, seed {options.seed}, files are kept in {folder}; its log ends with",
                tail(share / "setup.log", 30), tail(share / "power_cut.log", 30), tail(folder / "console.log", 10)])
        if (share / "acknowledged").exists():
            shutil.copy(share / "acknowledged", folder / "acknowledged")
    return 0, "\n".join([f"{model.name}: {model.about} ({time.monotonic() - began:.0f} s)",
                         f"  ok       {cuts} power cuts, seed {options.seed}; at the end:",
                         tail(share / "power_cut.log", 3)])


def main():
    models = {path.stem: path for path in sorted((HERE / "models").glob("*.toml"))}
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", type=pathlib.Path, required=True)
    parser.add_argument("--build-dir", type=pathlib.Path, required=True)
    parser.add_argument("--folder", type=pathlib.Path, default=SOURCE / "build" / "lab")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--shell", action="store_true")
    parser.add_argument("--save-topologies", action="store_true")
    parser.add_argument("--limit", type=int, default=300, help="seconds before a machine counts as hung")
    parser.add_argument("--power-cuts", type=int)
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--nightly", action="store_true")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1000000)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    options = parser.parse_args()
    if options.short and not options.models:
        options.models = SHORT
    if options.nightly:
        options.limit = max(options.limit, NIGHTLY_LIMIT)
        options.power_cuts = NIGHTLY_CUTS if options.power_cuts is None else options.power_cuts
    unknown = [name for name in options.models if name not in models]
    if unknown:
        sys.exit(f"no model {', '.join(unknown)}; there are: {', '.join(models)}")
    chosen = [Model(models[name]) for name in options.models or models]
    if options.list:
        for model in chosen:
            print(f"{model.name:24}{model.about}")
        return 0
    if options.shell and len(options.models) != 1:
        sys.exit("a shell needs the name of one model: tests/lab/shell MODEL")
    # A guest whose library is missing takes the distribution's and fails in strange ways.
    for needed in ("lib/libmemkind.so.0", "bin/lab_placement"):
        if not (options.build_dir / needed).exists():
            sys.exit(f"{options.build_dir} is not built: {needed} is missing")
    kernel = Kernel(options.kernel)

    def run(model):
        result, report = (cut_power if model.power_cuts and not options.shell else run_model)(model, kernel, options)
        if report:
            print(report, flush=True)
        return result

    # Machines whose power is cut take longest: they go first.
    chosen.sort(key=lambda model: -model.power_cuts)
    with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
        results = list(pool.map(run, chosen))
    if options.shell:
        return results[0]
    return 1 if any(result not in (0, SKIPPED) for result in results) else \
        SKIPPED if all(result == SKIPPED for result in results) else 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
