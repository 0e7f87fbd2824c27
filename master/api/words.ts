import Type from 'typebox'

/** Schemas that several routes share. */
export const Names = Type.Array(Type.String({ maxLength: 256 }), { maxItems: 100 })
export const UserIds = Type.Array(Type.Integer({ minimum: 0, maximum: 2_147_483_647 }), { maxItems: 1000 })
/** Of a workspace, project, model or template: not empty, not only white space. */
export const Name = Type.String({ minLength: 1, maxLength: 256, pattern: '\\S' })
export const Prose = Type.String({ maxLength: 65_536 })
export const Labels = Type.Array(Type.String({ minLength: 1, maxLength: 256 }), { maxItems: 100 })
export const Mapping = Type.Record(Type.String(), Type.Unknown())
