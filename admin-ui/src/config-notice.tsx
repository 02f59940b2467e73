// Said when the file was saved broken: the mesh goes on with what it had, and here is why.

import type { MeshConfigState } from '../../agent/admin/mesh-snapshot.ts';
import { shortVersion } from './number-format.ts';
import './styles/notice.css';

const mostShown = 6;

export function ConfigNotice({ config }: { readonly config: MeshConfigState }) {
  const { problems, file, version } = config;
  if (problems.length === 0) return null;
  return (
    <div class="notice" role="alert">
      <p>
        <strong>
          {file} was saved with {problems.length === 1 ? 'a problem' : `${problems.length} problems`}.
        </strong>{' '}
        The mesh keeps running on configuration {shortVersion(version)}; save it again once this is mended:
      </p>
      <ul>
        {problems.slice(0, mostShown).map(({ line, column, message }) => (
          <li key={`${line}:${column} ${message}`}>
            <code>
              {file}:{line}:{column}
            </code>{' '}
            {message}
          </li>
        ))}
        {problems.length > mostShown && <li>and {problems.length - mostShown} more</li>}
      </ul>
    </div>
  );
}
