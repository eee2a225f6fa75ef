"""What a process took, and what else the machine did while it measured."""

import os
import resource


def cpu_times() -> tuple[float, float]:
    """Seconds that all cores, and that this process, have been busy (steal included in the
    former).
    """
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    own = os.times()
    return (user + nice + system + irq + softirq + steal) / os.sysconf(
        "SC_CLK_TCK"
    ), own.user + own.system


def others_share(before: tuple[float, float], after: tuple[float, float], seconds: float) -> float:
    """The share of the machine that others took meanwhile: 0.5 is one core of two. A tick of either
    counter may be rounding.
    """
    rounding = 2 / os.sysconf("SC_CLK_TCK")
    others = (after[0] - before[0]) - (after[1] - before[1]) - rounding
    return max(0.0, others) / (seconds * (os.cpu_count() or 1))


def involuntary_switches() -> int:
    """How often this process' threads have had to give up their core."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def peak_bytes(process: int | str = "self") -> int:
    """The most memory that this program has had, or another's process. Not ru_maxrss, which a child
    inherits from whoever started it, exec or not.
    """
    with open(f"/proc/{process}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024
