// The tags of a resource: seen, added, removed.

import { useState } from 'preact/hooks';

import { client } from '../server';
import { Command } from './copy';
import { ActionForm, Dialog } from './dialog';
import { TextField } from './field';
import { Await, useLoad } from './load';
import { tell, tellError } from './toast';

export function TagsEditor({ arn, onChange }: { arn: string; onChange?: () => void }) {
  const loaded = useLoad(`tags ${arn}`, async () => (await client().call('ListTagsForResource', { resourceArn: arn })).tags);
  const [key, setKey] = useState('');
  const [value, setValue] = useState('');
  const changed = (news: string) => {
    tell(news);
    loaded.reload();
    onChange?.();
  };
  const add = async () => {
    await client().call('TagResource', { resourceArn: arn, tags: { [key]: value } });
    setKey('');
    setValue('');
    changed('Tag saved.');
  };
  const remove = async (name: string) => {
    try {
      await client().call('UntagResource', { resourceArn: arn, tagKeys: [name] });
      changed('Tag removed.');
    } catch (error) {
      tellError(error);
    }
  };
  return (
    <div class="stack">
      <Await loaded={loaded}>
        {(tags) =>
          Object.keys(tags).length === 0 ? (
            <p class="quiet">No tags.</p>
          ) : (
            <ul class="tags" aria-label="Tags">
              {Object.entries(tags).map(([name, text]) => (
                <li key={name}>
                  <span>
                    <strong>{name}</strong>
                    {text === '' ? '' : `: ${text}`}
                  </span>
                  <button type="button" class="quiet small" aria-label={`Remove the tag ${name}`} onClick={() => void remove(name)}>
                    ×
                  </button>
                </li>
              ))}
            </ul>
          )
        }
      </Await>
      <ActionForm verb="Save tag" onSubmit={add}>
        <div class="row">
          <TextField label="Key" value={key} onInput={setKey} required maxLength={128} />
          <TextField label="Value" value={value} onInput={setValue} maxLength={256} />
        </div>
      </ActionForm>
      <Command name="TagResource" input={{ resourceArn: arn, tags: { [key === '' ? 'key' : key]: value } }} />
    </div>
  );
}

/** A button that opens them. */
export function TagsButton({ arn, name, count, onChange }: { arn: string; name: string; count: number; onChange: () => void }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="small" aria-label={`Tags of ${name}`} onClick={() => setOpen(true)}>
        {count === 0 ? 'Tags' : `Tags (${count})`}
      </button>
      {isOpen && (
        <Dialog title={`Tags of ${name}`} onClose={() => setOpen(false)}>
          <TagsEditor arn={arn} onChange={onChange} />
        </Dialog>
      )}
    </>
  );
}
