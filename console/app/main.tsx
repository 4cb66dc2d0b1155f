/** The console's beginning: language first, then the page. */
import './app.css'
import './nonce.ts'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { firstLocale, speak } from '../ui/words.ts'
import { Console } from './console.tsx'

await speak(firstLocale())
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <Console />
  </StrictMode>,
)
