#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ceph.sh: Ceph's RADOS gateway on 127.0.0.1, with one monitor and one OSD that keeps all in memory.
#
#   ceph.sh FOLDER PORT ACCESS SECRET
#
# Prints "ready PORT" when it answers, and ends all of it with its standard input.
# Needs ceph-mon, ceph-osd, radosgw and ceph-common of Debian. PORT and the next one must be free.
set -eu
folder=$(realpath -m "$1") port=$2 access=$3 secret=$4
conf=$folder/ceph.conf
pids=()
finish() {
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || :; done
}
trap finish EXIT
mkdir -p "$folder"/{mon,osd,rgw,run}
id=$(cat /proc/sys/kernel/random/uuid)
cat >"$conf" <<END
[global]
fsid = $id
mon_initial_members = a
mon_host = v1:127.0.0.1:$((port + 1))
ms_bind_msgr2 = false
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
run_dir = $folder/run
log_file = $folder/\$name.log
admin_socket = $folder/run/\$name.asok
pid_file =
mon_data = $folder/mon
osd_data = $folder/osd
rgw_data = $folder/rgw
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_memory_target = 939524096
rgw_frontends = beast endpoint=127.0.0.1:$port
rgw_dns_name = 127.0.0.1
END
monmaptool --create --addv a "[v1:127.0.0.1:$((port + 1))]" --fsid "$id" --clobber "$folder/monmap" >/dev/null
ceph-mon -c "$conf" --mkfs -i a --monmap "$folder/monmap"
ceph-mon -c "$conf" -f -i a >"$folder/mon.out" 2>&1 </dev/null &
pids+=($!)
ceph-osd -c "$conf" -i 0 --mkfs >/dev/null 2>&1
ceph -c "$conf" --connect-timeout 20 osd new "$(cat "$folder/osd/fsid")" >/dev/null
# one that asks before it has heard the monitor's fsid is refused for good and ends: another comes
osd=
for _ in $(seq 200); do
  if [ -z "$osd" ] || ! kill -0 "$osd" 2>/dev/null; then
    ceph-osd -c "$conf" -f -i 0 >>"$folder/osd.out" 2>&1 </dev/null &
    osd=$! pids+=($!)
  fi
  ceph -c "$conf" osd stat 2>/dev/null | grep -q '1 up' && break
  sleep 0.2
done
timeout 60 radosgw-admin -c "$conf" user create --uid=daedalus --display-name=daedalus --access-key="$access" \
  --secret-key="$secret" >"$folder/user.json" 2>"$folder/user.err"
radosgw -c "$conf" -f -n client.rgw >"$folder/rgw.out" 2>&1 </dev/null &
pids+=($!)
for _ in $(seq 300); do
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  sleep 0.2
done
echo "ready $port"
cat >/dev/null
