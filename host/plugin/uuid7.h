/* SPDX-License-Identifier: Apache-2.0 */
/* uuid7: UUIDs of version 7 (RFC 9562, 5.7) that rise within a process. Any thread. */
#pragma once

#include <glib.h>

void uuid7_new (char *ret_37_bytes);
