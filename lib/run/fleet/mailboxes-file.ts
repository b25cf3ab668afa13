/** The entries of mailboxes.yaml. */

/** An entry of mailboxes.yaml: where mailboxes come from. */
export type MailboxSource = {
  /** Begins messages about the entry, such as `mailboxes.yaml:3:5 (secretPrefix gmail-jobs/team/)`. */
  readonly label: string;
  /** The rules of its mailboxes; undefined for the path in RULES_FILE. */
  readonly rulesFile: string | undefined;
} & (
  | { readonly kind: 'secret'; readonly secretId: string; readonly email: string | undefined }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'subjects'; readonly secretId: string; readonly subjects: readonly string[] }
  | {
      readonly kind: 'directory';
      readonly secretId: string;
      readonly admin: string;
      /** The search of users.list; undefined for all users. */
      readonly query: string | undefined;
    }
);
