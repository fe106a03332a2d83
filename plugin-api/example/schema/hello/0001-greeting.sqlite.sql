-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE hello_greeting (
  name TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT;
