-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE hello_greeting (
  name text PRIMARY KEY,
  count bigint NOT NULL
);
