/** Who asks, as the guard found out. */
export type Caller = UserCaller | AllocationCaller

export interface UserCaller {
  kind: 'user'
  userId: number
  username: string
  displayName: string | null
  admin: boolean
  /** SHA-256 of the session token */
  tokenHash: Buffer
}

/** A training container, by way of its agent's gateway. The token dies with the allocation. */
export interface AllocationCaller {
  kind: 'allocation'
  allocationId: string
  taskId: string
  trialId: number | null
  experimentId: number | null
  ownerId: number
}

/** public: anyone. user: a session. admin: a session of an administrator. */
export type Access = 'public' | 'user' | 'admin'

/** What of the path must be the container's own; `self` needs nothing. Absent: no container may call. */
export type ContainerAccess = 'self' | 'trial' | 'experiment' | 'task' | 'checkpoint' | 'allocation'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** default: user */
    access?: Access
    container?: ContainerAccess
  }
  interface FastifyRequest {
    caller: Caller | null
  }
}
