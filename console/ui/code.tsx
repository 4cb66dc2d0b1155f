/** An editor for JavaScript: line numbers, and marks where the code cannot be read or went wrong as it ran. Loaded only where somebody edits. */
import { javascript } from '@codemirror/lang-javascript'
import { syntaxTree } from '@codemirror/language'
import { type Diagnostic, linter, lintGutter } from '@codemirror/lint'
import { EditorState } from '@codemirror/state'
import { oneDark } from '@codemirror/theme-one-dark'
import { EditorView } from '@codemirror/view'
import { basicSetup } from 'codemirror'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { useLooks } from './settings.tsx'

const nonce = document.querySelector<HTMLMetaElement>('meta[name=csp-nonce]')?.content ?? ''

export interface Mark {
  /** From 1. */
  line: number
  say: string
}

export const CodeEditor = ({
  text,
  onChange,
  label,
  marks,
  isReadOnly = false,
}: {
  text: string
  onChange: (text: string) => void
  label: string
  marks: readonly Mark[]
  isReadOnly?: boolean
}) => {
  const { t } = useTranslation()
  const place = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView>(null)
  const { isDark } = useLooks()
  const told = useRef(onChange)
  told.current = onChange
  const wrong = useRef(marks)
  const unread = t('fn.unread')
  useEffect(() => {
    const diagnostics = (of: EditorView): Diagnostic[] => {
      const found: Diagnostic[] = []
      syntaxTree(of.state).iterate({
        enter: ({ type, from, to }) => {
          if (type.isError && found.length < 20)
            found.push({ from, to: Math.max(to, from), severity: 'error', message: unread })
        },
      })
      const { doc } = of.state
      const ran = wrong.current
        .filter((one) => one.line >= 1 && one.line <= doc.lines)
        .map(({ line, say }): Diagnostic => {
          const { from, to } = doc.line(line)
          return { from, to, severity: 'error', message: say }
        })
      return [...ran, ...found]
    }
    const made = new EditorView({
      parent: place.current as HTMLElement,
      state: EditorState.create({
        doc: text,
        extensions: [
          EditorView.cspNonce.of(nonce),
          basicSetup,
          javascript(),
          linter(diagnostics, { delay: 300, needsRefresh: () => true }),
          lintGutter(),
          ...(isDark ? [oneDark] : []),
          EditorState.readOnly.of(isReadOnly),
          // said, since what scrolls must be reached by keyboard
          EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) told.current(update.state.doc.toString())
          }),
        ],
      }),
    })
    view.current = made
    return () => made.destroy()
  }, [text, isDark])
  useEffect(() => {
    wrong.current = marks
    // an empty step makes the linter look again
    view.current?.dispatch({})
  }, [marks])
  return <div className="editor code" ref={place} />
}
