// Puts the page into its document.

import { render } from 'preact';
import { App } from './app.tsx';
import './styles/base.css';

const place = document.getElementById('page');
if (place !== null) render(<App />, place);
