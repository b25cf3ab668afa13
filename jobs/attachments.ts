/** Saves attachments by the rules of attachments.yaml, or of ATTACHMENTS_FILE. */
import { saveAttachments } from '../lib/standard/attachments.ts';

export default saveAttachments(new URL('./attachments.yaml', import.meta.url));
