/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3-error: which answers are worth another try, and what an admin can do about the others.
 */
#include "store-s3.h"

#include <string.h>

typedef struct {
  const char *code;
  DaeStoreResult result;
  const char *remedy; /* NULL: it may go better another time */
} S3Meaning;

#define S3_KEYS "Write the store's own keys as access-key and secret-key in [plugin store-s3]."
#define S3_CLOCK                                                                                   \
  "Set the clocks of this machine and of the store: they are more than 15 minutes apart."
#define S3_BUCKET "Make the bucket, or write the right one as bucket in [plugin store-s3]."
#define S3_RIGHTS "Let this access key list, read, write and remove objects in the bucket."
#define S3_REGION "Write the bucket's own region and endpoint in [plugin store-s3]."
#define S3_ROOM   "Make room in the object store, or raise its quota."
#define S3_STATE  "See what state the object store and the way to it are in."
#define S3_PROOF                                                                                   \
  "Let the store show a certificate that [upstream] ca-file or the system's authorities vouch "    \
  "for."

static const S3Meaning s3_meanings[] = {
  { "RequestTimeTooSkewed", DAE_STORE_REFUSED, S3_CLOCK },
  { "InvalidAccessKeyId", DAE_STORE_REFUSED, S3_KEYS },
  { "SignatureDoesNotMatch", DAE_STORE_REFUSED, S3_KEYS },
  { "InvalidToken", DAE_STORE_REFUSED, S3_KEYS },
  { "ExpiredToken", DAE_STORE_REFUSED, S3_KEYS },
  { "AccessDenied", DAE_STORE_REFUSED, S3_RIGHTS },
  { "AllAccessDisabled", DAE_STORE_REFUSED, S3_RIGHTS },
  { "NoSuchBucket", DAE_STORE_REFUSED, S3_BUCKET },
  { "InvalidBucketName", DAE_STORE_REFUSED, S3_BUCKET },
  { "AuthorizationHeaderMalformed", DAE_STORE_REFUSED, S3_REGION },
  { "PermanentRedirect", DAE_STORE_REFUSED, S3_REGION },
  { "TemporaryRedirect", DAE_STORE_REFUSED, S3_REGION },
  { "IllegalLocationConstraintException", DAE_STORE_REFUSED, S3_REGION },
  { "QuotaExceeded", DAE_STORE_FULL, S3_ROOM },
  { "XMinioStorageFull", DAE_STORE_FULL, S3_ROOM },
  { "XMinioAdminBucketQuotaExceeded", DAE_STORE_FULL, S3_ROOM },
  { "InsufficientStorage", DAE_STORE_FULL, S3_ROOM },
  { "EntityTooLarge", DAE_STORE_FULL, S3_ROOM },
  { "RequestTimeout", DAE_STORE_UNAVAILABLE, NULL },
  { "IncompleteBody", DAE_STORE_UNAVAILABLE, NULL },
  { "BadDigest", DAE_STORE_UNAVAILABLE, NULL },
  { "XAmzContentSHA256Mismatch", DAE_STORE_UNAVAILABLE, NULL },
  { "SlowDown", DAE_STORE_UNAVAILABLE, NULL },
  { "InternalError", DAE_STORE_UNAVAILABLE, NULL },
  { "ServiceUnavailable", DAE_STORE_UNAVAILABLE, NULL },
};

static gboolean
s3_error_set (S3Call *call, DaeStoreResult result, char *why, const char *remedy)
{
  call->result = result;
  g_free (call->why);
  call->why = why;
  call->remedy = remedy != NULL ? remedy : S3_STATE;
  return remedy == NULL;
}

/* The fetch itself went wrong. */
static gboolean
s3_error_judge_fetch (S3Call *call, const GError *error)
{
  char *why = g_strdup (error->message);

  if (error->domain == G_TLS_ERROR)
    return s3_error_set (call, DAE_STORE_REFUSED, why, S3_PROOF);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED) ||
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE) ||
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT))
    return s3_error_set (call, DAE_STORE_UNAVAILABLE, why, S3_STATE);
  return s3_error_set (call, DAE_STORE_UNAVAILABLE, why, NULL);
}

/* The words of a stranger are for the log: short, and of one line. */
static char *
s3_error_said (S3Call *call)
{
  const char *code = call->answer.code;
  g_autoptr (GString) said = g_string_new (NULL);

  g_string_printf (said, "the store answered %u", call->status);
  if (code != NULL)
    g_string_append_printf (said, " %.64s", code);
  if (call->answer.message != NULL)
    g_string_append_printf (said, ": %.200s", call->answer.message);
  for (char *at = said->str; *at != '\0'; at++) {
    if (g_ascii_iscntrl (*at))
      *at = ' ';
  }
  return g_utf8_make_valid (said->str, -1);
}

static gboolean
s3_error_judge_status (S3Call *call)
{
  guint status = call->status;

  /* not there, not from that byte on, not that one any more */
  if (status == 404 || status == 416 || status == 412)
    return s3_error_set (call, DAE_STORE_NOT_FOUND, s3_error_said (call), S3_BUCKET);
  if (status == 507 || status == 413)
    return s3_error_set (call, DAE_STORE_FULL, s3_error_said (call), S3_ROOM);
  if (status >= 500 || status == 429 || status == 408)
    return s3_error_set (call, DAE_STORE_UNAVAILABLE, s3_error_said (call), NULL);
  if (status == 401 || status == 403)
    return s3_error_set (call, DAE_STORE_REFUSED, s3_error_said (call), S3_RIGHTS);
  if (status >= 300 && status < 400)
    return s3_error_set (call, DAE_STORE_REFUSED, s3_error_said (call), S3_REGION);
  return s3_error_set (call, DAE_STORE_REFUSED, s3_error_said (call), S3_STATE);
}

static gboolean
s3_error_is_answer_wanted (const S3Call *call)
{
  return call->op == S3_CREATE || call->op == S3_COMPLETE || call->op == S3_LIST ||
         call->op == S3_UPLOADS;
}

gboolean
s3_error_judge (S3Call *call, const GError *error)
{
  g_autoptr (GError) unread = NULL;
  gboolean read = FALSE;

  s3_answer_clear (&call->answer);
  if (error != NULL)
    return s3_error_judge_fetch (call, error);
  if (call->text != NULL && call->text->len > 0)
    read = s3_answer_read (call->text->str, call->text->len, &call->answer, &unread);
  /* some begin to answer before they know how it will end */
  for (guint i = 0; call->answer.code != NULL && i < G_N_ELEMENTS (s3_meanings); i++) {
    if (strcmp (call->answer.code, s3_meanings[i].code) == 0)
      return s3_error_set (call, s3_meanings[i].result, s3_error_said (call),
                           s3_meanings[i].remedy);
  }
  if (call->status >= 300)
    return s3_error_judge_status (call);
  if (g_strcmp0 (call->answer.root, "Error") == 0)
    return s3_error_set (call, DAE_STORE_UNAVAILABLE, s3_error_said (call), NULL);
  if (s3_error_is_answer_wanted (call) && !read)
    return s3_error_set (call, DAE_STORE_UNAVAILABLE,
                         g_strdup_printf ("the store's answer cannot be read: %s",
                                          unread != NULL ? unread->message : "it is empty"),
                         NULL);
  g_clear_pointer (&call->why, g_free);
  call->result = DAE_STORE_OK;
  return FALSE;
}
