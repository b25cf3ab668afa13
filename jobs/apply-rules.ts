/** Applies the rules of rules.yaml, or of RULES_FILE, to the mailbox. */
import { applyRules } from '../lib/standard/apply-rules.ts';

export default applyRules(new URL('./rules.yaml', import.meta.url));
