#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""OpenStack Swift with its S3 API, all four servers in one process on 127.0.0.1.

usage: swift-s3.py FOLDER PORT ACCESS SECRET [AHEAD]     (ACCESS is account:user; its clock is AHEAD seconds ahead)
Prints "ready PORT" when it answers and ends with its standard input; data stays below FOLDER.
Needs swift-proxy, swift-account, swift-container and swift-object of Debian.
"""
import warnings

warnings.simplefilter("ignore")
import eventlet

eventlet.monkey_patch()
import os
import signal
import sys
import time

from eventlet import spawn, wsgi

if len(sys.argv) > 5:
    right, ahead = time.time, float(sys.argv[5])
    time.time = lambda: right() + ahead

folder, port, access, secret = os.path.abspath(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
etc = folder + "/etc"
os.makedirs(etc, exist_ok=True)
os.makedirs(folder + "/srv/d1", exist_ok=True)


def write(name, text):
    with open(f"{etc}/{name}", "w") as file:
        file.write(text)


write("swift.conf", "[swift-hash]\nswift_hash_path_suffix = s\nswift_hash_path_prefix = p\n"
      "[storage-policy:0]\nname = one\ndefault = yes\n")
from swift.common import utils

utils.SWIFT_CONF_FILE = etc + "/swift.conf"
utils.validate_configuration()
from swift.common.ring import RingBuilder
from swift.common.wsgi import SwiftHttpProtocol, loadapp

common = f"bind_ip = 127.0.0.1\nworkers = 0\nswift_dir = {etc}\nlog_address = {folder}/nolog\nlog_level = WARNING\n"


def listen(at):
    return eventlet.listen(("127.0.0.1", at), backlog=512)


sockets = {}
for kind in ("account", "container", "object"):
    sockets[kind] = listen(0)
    at = sockets[kind].getsockname()[1]
    ring = RingBuilder(4, 1, 0)
    ring.add_dev(dict(id=0, region=1, zone=1, ip="127.0.0.1", port=at, device="d1", weight=1, meta=""))
    ring.rebalance()
    ring.get_ring().save(f"{etc}/{kind}.ring.gz")
    write(f"{kind}-server.conf",
          f"[DEFAULT]\nbind_port = {at}\n{common}devices = {folder}/srv\nmount_check = false\n"
          f"[pipeline:main]\npipeline = {kind}-server\n[app:{kind}-server]\nuse = egg:swift#{kind}\n")

filters = "catch_errors gatekeeper healthcheck listing_formats bulk tempurl s3api tempauth copy slo dlo versioned_writes symlink".split()
settings = {"s3api": "location = us-east-1\ns3_acl = false\n",
            "tempauth": f"user_{access.replace(':', '_', 1)} = {secret} .admin\n",
            "versioned_writes": "allow_object_versioning = true\n"}
write("proxy-server.conf",
      f"[DEFAULT]\nbind_port = {port}\n{common}[pipeline:main]\npipeline = {' '.join(filters)} proxy-server\n"
      "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
      + "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n{settings.get(name, '')}" for name in filters))


class Memory:
    """tempauth wants a memcached; a dict is one."""

    def __init__(self):
        self.kept = {}

    def get(self, key, *args, **kwargs):
        return self.kept.get(key)

    def set(self, key, value, *args, **kwargs):
        self.kept[key] = value

    def incr(self, key, delta=1, *args, **kwargs):
        self.kept[key] = self.kept.get(key, 0) + delta
        return self.kept[key]

    def decr(self, key, delta=1, *args, **kwargs):
        return self.incr(key, -delta)

    def delete(self, key, *args, **kwargs):
        self.kept.pop(key, None)

    def set_multi(self, values, *args, **kwargs):
        self.kept.update(values)

    def get_multi(self, keys, *args, **kwargs):
        return [self.kept.get(key) for key in keys]


memory = Memory()


def with_memory(app):
    def serve_one(environ, start):
        environ["swift.cache"] = memory
        return app(environ, start)

    return serve_one


class Quiet:
    def write(self, *args):
        pass


def serve(socket, app):
    wsgi.server(socket, app, log=Quiet(), log_output=False, custom_pool=eventlet.GreenPool(1024),
                protocol=SwiftHttpProtocol, minimum_chunk_size=4096)


def end_with_input():
    eventlet.tpool.execute(sys.stdin.buffer.read)
    os._exit(0)


signal.signal(signal.SIGTERM, lambda *args: os._exit(0))
for kind, socket in sockets.items():
    spawn(serve, socket, loadapp(f"{etc}/{kind}-server.conf", global_conf={"log_name": kind}))
proxy = with_memory(loadapp(f"{etc}/proxy-server.conf", global_conf={"log_name": "proxy"}))
main = listen(port)
spawn(end_with_input)
print("ready", main.getsockname()[1], flush=True)
serve(main, proxy)
