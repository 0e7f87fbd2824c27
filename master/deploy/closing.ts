import type { Json, Template } from './words.ts'

type Mapping = { readonly [key: string]: Json }

/**
 * The installed template made ready to go: no master that would launch anything more, no protection on the database. All else
 * stays as it is. Throws where the text is no template of ours.
 */
export function closingTemplate(installed: string): Template {
  const template = JSON.parse(installed) as Template
  const { Master, Database } = template.Resources
  if (Master === undefined) throw new Error('the stack has no resource Master: it is no installation of Drover')
  const Resources = {
    ...template.Resources,
    Master: { ...Master, Properties: { ...properties(Master.Properties), MinSize: '0', MaxSize: '0', DesiredCapacity: '0' } },
    ...(Database === undefined ? {} : { Database: { ...Database, Properties: { ...properties(Database.Properties), DeletionProtection: false } } }),
  }
  return { ...template, Resources }
}

function properties(given: Mapping | undefined): Mapping {
  return given ?? {}
}
