/** The type of a process's environment variables. config.ts alone reads the configuration in them. */

export type Environment = Readonly<Record<string, string | undefined>>;
