import { expect } from 'vitest'
import type { Row } from '../exam.ts'
import { trainingFile } from './config.ts'

/**
 * Every function of the generated client that reads, called with ids that are there: its own deserialiser takes each answer,
 * or there is no such route. Prints what it called, and what went wrong.
 */
const EVERY_READ = `
import inspect, itertools
from determined.common.api import bindings, errors
session = client._get_singleton_session()
facts = json.loads(sys.argv[1])
def argument(function, name):
    if name == "id":
        return 1 if "Workspace" in function or "Project" in function else int(facts["experiment"])
    known = {"experimentId": int(facts["experiment"]), "trialId": int(facts["trial"]), "taskId": facts["task"], "checkpointUuid": facts["checkpoint"], "commandId": facts["command"], "modelName": "hash-net", "modelVersionNum": 1,
        "agentId": facts["agent"], "slotId": "0", "userId": 1, "username": "admin", "workspaceId": 1, "projectId": 1, "resourcePoolName": "default", "key": "UNCAT", "templateName": "read", "period": bindings.v1ResourceAllocationAggregationPeriod.DAILY}
    return known.get(name, "1")
served, wrong = [], []
for name, function in inspect.getmembers(bindings, inspect.isfunction):
    if not name.startswith("get_"):
        continue
    needed = {p.name: argument(name, p.name) for p in inspect.signature(function).parameters.values() if p.default is inspect.Parameter.empty and p.name != "session"}
    if "trialIds" in inspect.signature(function).parameters:
        needed["trialIds"] = [int(facts["trial"])]
    try:
        answer = function(session, **needed)
        if inspect.isgenerator(answer):
            list(itertools.islice(answer, 3))
        served.append(name)
    except errors.APIException as error:
        # a word where another route has a number: there is no route of its own either
        if "there is no route" not in str(error) and "must be integer" not in str(error):
            wrong.append([name, str(error)])
    except Exception as error:
        wrong.append([name, repr(error)])
print(json.dumps({"served": served, "wrong": wrong}))
`

/** `determined.experimental.client`: what the command line does, from Python. Each script prints JSON. */
export const sdkRows: readonly Row[] = [
  {
    command: 'client.create_experiment, Experiment.wait',
    async check(exam) {
      const out = await exam.python('exp = client.create_experiment(sys.argv[1], "model")\nprint(exp.wait(interval=1).name)\nprint("id", exp.id)', trainingFile(exam, 'by-sdk'))
      expect(out).toContain('COMPLETED')
      exam.facts.set('sdk', /id (\d+)/.exec(out)?.[1] ?? '')
    },
  },
  {
    command: 'client.list_experiments, get_experiment, get_trial',
    async check(exam) {
      const out = await exam.python(`exp = client.get_experiment(int(sys.argv[1]))
exp.reload()
trials = exp.list_trials()
trial = client.get_trial(trials[0].id)
print(json.dumps({"listed": [e.id for e in client.list_experiments()], "name": exp.name, "state": trial.state.name, "hparams": trial.hparams, "best": exp.await_first_trial().id == trial.id, "lines": len(list(trial.logs()))}))`, exam.fact('sdk'))
      const seen = JSON.parse(out) as { listed: number[]; name: string; state: string; best: boolean; lines: number }
      expect(seen).toMatchObject({ name: 'by-sdk', state: 'COMPLETED', best: true })
      expect(seen.listed).toContain(Number(exam.fact('sdk')))
      expect(seen.lines).toBeGreaterThan(6)
    },
  },
  {
    command: 'Trial.iter_metrics',
    async check(exam) {
      const out = await exam.python(`trial = client.get_experiment(int(sys.argv[1])).list_trials()[0]
print(json.dumps({group: [[m.steps_completed, m.metrics] for m in trial.iter_metrics(group)] for group in ("training", "validation")}))`, exam.fact('sdk'))
      const { training, validation } = JSON.parse(out) as Record<'training' | 'validation', [number, Record<string, number>][]>
      expect(training.map(([steps]) => steps)).toEqual([1, 2, 3, 4, 5, 6])
      expect(validation).toEqual([[3, { validation_loss: 1 / 3 }], [6, { validation_loss: 1 / 6 }]])
    },
  },
  {
    command: 'Experiment.list_checkpoints, Checkpoint.download',
    async check(exam) {
      const out = await exam.python(`exp = client.get_experiment(int(sys.argv[1]))
best = exp.list_checkpoints(sort_by=client.CheckpointSortBy.SEARCHER_METRIC, order_by=client.OrderBy.ASC, max_results=1)[0]
path = client.get_checkpoint(best.uuid).download("sdk-download")
print(json.dumps({"steps": best.metadata["steps_completed"], "state": json.load(open(path + "/state.json"))}))`, exam.fact('sdk'))
      expect(JSON.parse(out.trim().split('\n').at(-1) ?? '')).toEqual({ steps: 6, state: { step: 6 } })
    },
  },
  {
    command: 'Checkpoint.add_metadata, remove_metadata',
    async check(exam) {
      const out = await exam.python(`checkpoint = client.get_experiment(int(sys.argv[1])).list_checkpoints()[0]
checkpoint.add_metadata({"colour": "red", "size": 3})
first = client.get_checkpoint(checkpoint.uuid).metadata
checkpoint.remove_metadata(["size"])
print(json.dumps([first, client.get_checkpoint(checkpoint.uuid).metadata]))`, exam.fact('sdk'))
      const [first, second] = JSON.parse(out) as [Record<string, unknown>, Record<string, unknown>]
      expect(first).toMatchObject({ colour: 'red', size: 3 })
      expect(second).not.toHaveProperty('size')
      expect(second).toMatchObject({ colour: 'red' })
    },
  },
  {
    command: 'Experiment.set_name, add_label, archive, ...',
    async check(exam) {
      const out = await exam.python(`exp = client.get_experiment(int(sys.argv[1]))
exp.set_name("renamed")
exp.set_description("told")
exp.set_notes("noted")
exp.add_label("a")
exp.add_label("b")
exp.remove_label("a")
exp.archive()
exp.unarchive()
exp.reload()
print(json.dumps([exp.name, exp.description, exp.notes, sorted(exp.labels), exp.archived]))`, exam.fact('sdk'))
      expect(JSON.parse(out)).toEqual(['renamed', 'told', 'noted', ['b'], false])
    },
  },
  {
    command: 'client.create_user, User.deactivate, rename, ...',
    async check(exam) {
      const out = await exam.python(`user = client.create_user("carol", admin=False, password="Carol-secret-1")
user.change_display_name("Carol C")
user.rename("caroline")
user.deactivate()
user.activate()
user.change_password("Carol-secret-2")
again = client.get_user_by_name("caroline")
print(json.dumps([client.whoami().username, again.display_name, again.active, sorted(u.username for u in client.list_users())]))`)
      expect(JSON.parse(out)).toEqual(['admin', 'Carol C', true, expect.arrayContaining(['admin', 'caroline'])])
    },
  },
  {
    command: 'client.create_model, Model.register_version, ...',
    async check(exam) {
      const out = await exam.python(`model = client.create_model("sdk-net", "made by the SDK", metadata={"a": 1})
version = model.register_version(client.get_experiment(int(sys.argv[1])).list_checkpoints()[0].uuid)
version.set_name("first")
version.set_notes("noted")
model.add_metadata({"b": 2})
model.remove_metadata(["a"])
model.set_labels(["x", "y"])
model.set_description("other")
model.archive()
model.unarchive()
found = client.get_model("sdk-net")
print(json.dumps([found.metadata, found.labels, found.description, [v.name for v in found.list_versions()], client.get_model_labels(), [m.name for m in client.list_models()]]))
found.get_version().delete()
found.delete()`, exam.fact('sdk'))
      expect(JSON.parse(out)).toEqual([{ b: 2 }, ['x', 'y'], 'other', ['first'], expect.arrayContaining(['x', 'y']), expect.arrayContaining(['sdk-net', 'hash-net'])])
    },
  },
  {
    command: 'client.create_workspace, Workspace.create_project, ...',
    async check(exam) {
      const out = await exam.python(`space = client.create_workspace("by-sdk")
project = space.create_project("first", "told")
project.set_name("second")
project.add_note("head", "body")
project.reload()
names = [p.name for p in space.list_projects()]
project.archive()
project.unarchive()
print(json.dumps([names, len(project.notes), [w.name for w in client.list_workspaces()]]))
space.delete_project("second")
client.delete_workspace("by-sdk")`)
      expect(JSON.parse(out)).toEqual([['second'], 1, expect.arrayContaining(['Uncategorized', 'by-sdk'])])
    },
  },
  {
    command: 'Experiment.pause, activate, kill; Trial.kill',
    async check(exam) {
      const out = await exam.python(`import time
exp = client.create_experiment(sys.argv[1], "model")
exp.pause()
exp.activate()
trial = exp.await_first_trial()
trial.kill()
print(exp.wait(interval=1).name)
exp.cancel()
exp.kill()`, trainingFile(exam, 'sdk-long', { steps: 5_000, every: 5_000, pause: 0.1 }))
      expect(out).toContain('CANCELED')
    },
  },
  {
    command: 'bindings.get_*: every read that is served, by the package\'s own deserialisers',
    async check(exam) {
      const { trials: [trial] } = await exam.stack.client.get<{ trials: { id: number; taskId: string }[] }>(`/api/v1/experiments/${exam.fact('done')}/trials`)
      await exam.stack.client.post('/api/v1/templates/read', { config: { max_restarts: 1 } })
      const facts = { experiment: exam.fact('done'), trial: String(trial?.id), task: trial?.taskId, checkpoint: exam.fact('checkpoint'), command: exam.fact('command'), agent: exam.stack.agentId }
      const found = JSON.parse(await exam.python(EVERY_READ, JSON.stringify(facts))) as { served: string[]; wrong: [string, string][] }
      expect(found.wrong).toEqual([])
      expect(found.served.length).toBeGreaterThan(40)
    },
  },
]
