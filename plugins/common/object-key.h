/* SPDX-License-Identifier: Apache-2.0 */
/* object-key: what may be a key of object-store/1, alike for all stores. */
#pragma once

#include <glib.h>

#define OBJECT_KEY_MAX 1024 /* bytes */

/* A path of names joined by "/", of UTF-8, without empty names, "." and "..". */
gboolean object_key_is_valid (const char *key);
