/** Names: drover, drover-agent, drover-master; all by default. Returns the paths of the files written. */
export function build(options?: { names?: readonly string[]; outDir?: string; print?: (text: string) => void }): Promise<string[]>
