/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3: what the files of this plugin share. All of it runs on the loop. */
#pragma once

#include "store-s3-answer.h"
#include "store-s3-sign.h"

#include <daedalus-plugin.h>
#include <services/object-store.h>
#include <sha256.h>

typedef enum {
  S3_PUT, S3_PART, S3_CREATE, S3_COMPLETE, S3_ABORT, S3_GET, S3_HEAD, S3_REMOVE, S3_LIST, S3_UPLOADS, S3_N_OPS
} S3Op;

typedef struct {
  S3Account account; /* strings of the settings */
  char *authority;   /* as Host has it */
  char *endpoint;    /* "http://AUTHORITY" */
  char *root;        /* "/PATH/BUCKET", encoded */
  const char *bucket;
  gboolean tls, is_required;
  guint answer_ms;
  DaeSeries *ok[S3_N_OPS], *failed[S3_N_OPS], *duration[S3_N_OPS];
  DaeSeries *retries[S3_N_OPS];
  DaeSeries *bytes_in, *bytes_out;
} S3Data;

typedef struct {
  GQueue calls;      /* of S3Call */
  gboolean draining;
  gboolean stopping; /* whoever asked is gone */
  gboolean probing;
  char *why; /* what is wrong; owned; NULL: nothing */
  gint64 logged_at;
  char *logged; /* what was told then */
} S3State;

/* ---- store-s3-call.c: one request, asked again where that helps ---- */

typedef struct S3Call S3Call;

typedef struct {
  /* Of calls whose answer is taken as it comes; only of one with 200 or 206, and of each try. */
  void (*head) (S3Call *call, gpointer data);
  void (*body) (S3Call *call, const char *bytes, gsize length, gpointer data);
  void (*done) (S3Call *call, gpointer data); /* once; the call is dead when it returns */
} S3CallHooks;

struct S3Call {
  DaePlugin *self;
  S3Op op;
  char *key;   /* NULL: the bucket itself */
  char *query; /* as sent; "" for none */
  const S3CallHooks *hooks;
  gpointer data;

  /* the body; before s3_call_send */
  const char *type;  /* NULL: none; borrowed */
  GPtrArray *pieces; /* of GBytes, owned; NULL: no body */
  gint64 size;
  char hash[SHA256_HEX_SIZE]; /* "": not known */

  /* what of the object is wanted */
  gint64 from, to; /* from: -1 for all; to: inclusive, -1 to the end */
  char *etag;      /* owned; with a second try: only of this one */
  gboolean paused;

  /* what has become of it; for `done` */
  DaeStoreResult result;
  char *why; /* owned */
  guint status;
  S3Answer answer;
  gint64 length; /* of the answer's body, as stated; -1: not stated */
  guint tries;

  gint64 began, received;
  DaeFetch *fetch;
  guint timer;
  GString *text; /* of an answer that is not given on */
  guint busy;    /* its hooks run */
  gboolean dead, streaming;
  const char *remedy;
  GList link;
};

/* A new call; KEY may be NULL; QUERY is given. */
S3Call *s3_call_new (DaePlugin *self, S3Op op, const char *key, char *query, const S3CallHooks *hooks, gpointer data);
void s3_call_send (S3Call *call);
void s3_call_pause (S3Call *call, gboolean paused);
/* Ends in this way, from within `head` or `body`. WHY is given. */
void s3_call_fail (S3Call *call, DaeStoreResult result, char *why);
/* No hook of it is called any more, and it is dead. NULL is none. */
void s3_call_cancel (S3Call *call);
/* Whatever can be done another time ends now. */
void s3_call_drain (DaePlugin *self);
/* All end, without a word to whoever asked. */
void s3_call_stop (DaePlugin *self);

/* ---- store-s3-error.c: what an answer means ---- */

/* Judges the answer of CALL, whose fetch ended with ERROR (or NULL): sets result, why and remedy. TRUE:
 * it may go better another time. */
gboolean s3_error_judge (S3Call *call, const GError *error);

/* ---- store-s3.c ---- */
/* Counts and logs what became of CALL. */
void s3_told (S3Call *call);

/* ---- store-s3-put.c ---- */
DaeStorePut *s3_put (DaePlugin *self, const char *key, const char *type, gint64 length,
                     const DaeStorePutHooks *hooks, gpointer data);
gboolean s3_put_write (DaeStorePut *put, GBytes *bytes);
void s3_put_finish (DaeStorePut *put);
void s3_put_cancel (DaeStorePut *put);

/* ---- store-s3-get.c ---- */
DaeStoreGet *s3_get (DaePlugin *self, const char *key, gint64 offset, gint64 length,
                     const DaeStoreGetHooks *hooks, gpointer data);
void s3_get_pause (DaeStoreGet *get, gboolean paused);
void s3_get_cancel (DaeStoreGet *get);

/* ---- store-s3-list.c ---- */
void s3_list (DaePlugin *self, const char *prefix, const char *after, guint max, DaeStoreItem item,
              DaeStoreDone done, gpointer data);

/* ---- store-s3-remove.c ---- */
void s3_remove (DaePlugin *self, const char *key, DaeStoreDone done, gpointer data);
/* Without a word to anybody: an upload that will not end, or an object that is not wanted. */
void s3_remove_quietly (DaePlugin *self, const char *key, const char *upload_id);
void s3_tidy (DaePlugin *self, gint64 before, DaeStoreDone done, gpointer data);
