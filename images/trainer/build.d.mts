export function trainerImage(): string
export function hasImage(dockerHost: string, image: string): boolean
export function buildTrainer(dockerHost: string): string
