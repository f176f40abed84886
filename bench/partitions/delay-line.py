"""Pairs of virtual Ethernet devices that pass frames on after a delay: what netem does, for kernels without it.

Usage: delay-line.py MS [MS ...]. Makes the devices near0 and far0, near1 and far1 ... in this network namespace, each pair with
its delay one way, prints a line and goes on until it is ended. A device may be moved to another namespace afterwards.
"""
import fcntl
import heapq
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
FRAME_BYTES_MAX = 65536
# Frames under way, of all pairs together; more are lost, as on any line that is too busy.
FRAMES_MAX = 100_000


def device(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def main():
    ways = {}
    poll = select.poll()
    for number, delay_ms in enumerate(sys.argv[1:]):
        near, far = device(f"near{number}"), device(f"far{number}")
        for source, target in ((near, far), (far, near)):
            ways[source] = (target, float(delay_ms) / 1000)
            poll.register(source, select.POLLIN)
    print("ready", flush=True)
    under_way, count = [], 0
    while True:
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, _, target, frame = heapq.heappop(under_way)
            try:
                os.write(target, frame)
            except OSError:
                # The device is down: the link is cut.
                pass
        wait_ms = max(0, (under_way[0][0] - now) * 1000) if under_way else None
        for source, _ in poll.poll(wait_ms):
            target, delay = ways[source]
            try:
                frame = os.read(source, FRAME_BYTES_MAX)
            except OSError:
                continue
            if len(under_way) < FRAMES_MAX:
                # Numbered, so that frames of one moment keep their order.
                count += 1
                heapq.heappush(under_way, (time.monotonic() + delay, count, target, frame))


main()
