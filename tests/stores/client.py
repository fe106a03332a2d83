#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Another S3 client, boto3, for what the tests hold daedalus's own against.

usage: client.py ENDPOINT ACCESS SECRET BUCKET
Reads one JSON array a line, ["word", argument...], and answers with one JSON value a line.
"""
import hashlib
import json
import sys

import boto3
from botocore.config import Config

endpoint, access, secret, bucket = sys.argv[1:5]
s3 = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access, aws_secret_access_key=secret, region_name="us-east-1",
                  config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 5}))


def make():
    s3.create_bucket(Bucket=bucket)
    return True


def look(key):
    """Size, media type and SHA-256 of an object, or null."""
    try:
        got = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    total, size = hashlib.sha256(), 0
    for piece in iter(lambda: got["Body"].read(1 << 20), b""):
        total.update(piece)
        size += len(piece)
    return {"size": size, "type": got["ContentType"], "sha256": total.hexdigest()}


def put(key, text):
    s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
    return True


def keys(prefix=""):
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        found += [item["Key"] for item in page.get("Contents", [])]
    return found


def uploads():
    return [item["Key"] for item in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


def begin(key):
    """An upload in parts whose client then dies."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x" * 100)
    return True


words = {"make": make, "look": look, "put": put, "keys": keys, "uploads": uploads, "begin": begin}
for line in sys.stdin:
    word, *arguments = json.loads(line)
    try:
        answer = words[word](*arguments)
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
