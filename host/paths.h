/* SPDX-License-Identifier: Apache-2.0 */
/* paths: what the build decided; meson gives the values. */
#pragma once

#ifndef DAEDALUS_VERSION
#define DAEDALUS_VERSION "0.1.0"
#endif
#ifndef DAEDALUS_REVISION
#define DAEDALUS_REVISION "unknown"
#endif
#ifndef DAEDALUS_PREFIX
#define DAEDALUS_PREFIX "/usr"
#endif
#ifndef DAEDALUS_LIBDIR
#define DAEDALUS_LIBDIR DAEDALUS_PREFIX "/lib"
#endif
#ifndef DAEDALUS_SYSCONFDIR
#define DAEDALUS_SYSCONFDIR "/etc"
#endif

#define DAEDALUS_PLUGIN_DIR DAEDALUS_LIBDIR "/daedalus/plugins-1"
#define DAEDALUS_SCHEMA_DIR DAEDALUS_PREFIX "/share/daedalus/schema"
#define DAEDALUS_STATIC_DIR DAEDALUS_PREFIX "/share/daedalus/page"
#define DAEDALUS_VENDOR_CONF_DIR DAEDALUS_PREFIX "/lib/daedalus/conf.d"
#define DAEDALUS_CONF_FILE DAEDALUS_SYSCONFDIR "/daedalus/daedalus.conf"
#define DAEDALUS_CONF_DIR DAEDALUS_SYSCONFDIR "/daedalus/conf.d"

/* Raised when supervisor and worker no longer understand each other's memory or messages. */
#ifndef DAEDALUS_LAYOUT
#define DAEDALUS_LAYOUT 2
#endif

#define EXIT_USAGE  64 /* sysexits.h EX_USAGE: what was typed means nothing */
#define EXIT_CONFIG 78 /* sysexits.h EX_CONFIG: the configuration is refused */
