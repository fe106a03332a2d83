# SPDX-License-Identifier: Apache-2.0
"""Plays the service manager: prints each datagram that comes to the socket PATH as a line of JSON."""
import json
import socket
import sys

manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
while True:
    print(json.dumps(manager.recv(4096).decode().split("\n")), flush=True)
