/** A text editor for JSON and YAML: loaded only where somebody edits. */
import { json } from '@codemirror/lang-json'
import { EditorState } from '@codemirror/state'
import { oneDark } from '@codemirror/theme-one-dark'
import { EditorView } from '@codemirror/view'
import { basicSetup } from 'codemirror'
import { useEffect, useRef } from 'react'
import { useLooks } from './settings.tsx'
import { laidOut } from './laid-out.ts'

const nonce = document.querySelector<HTMLMetaElement>('meta[name=csp-nonce]')?.content ?? ''

export const Editor = ({
  text,
  onChange,
  label,
  language = 'json',
  isReadOnly = false,
}: {
  text: string
  onChange: (text: string) => void
  label: string
  language?: 'json' | 'text'
  isReadOnly?: boolean
}) => {
  const place = useRef<HTMLDivElement>(null)
  const { isDark } = useLooks()
  const told = useRef(onChange)
  told.current = onChange
  useEffect(() => {
    const view = new EditorView({
      parent: place.current as HTMLElement,
      state: EditorState.create({
        doc: language === 'json' ? laidOut(text) : text,
        extensions: [
          EditorView.cspNonce.of(nonce),
          basicSetup,
          ...(language === 'json' ? [json()] : []),
          ...(isDark ? [oneDark] : []),
          EditorView.lineWrapping,
          EditorState.readOnly.of(isReadOnly),
          EditorView.contentAttributes.of({ 'aria-label': label }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) told.current(update.state.doc.toString())
          }),
        ],
      }),
    })
    return () => view.destroy()
  }, [text, isDark])
  return <div className="editor" ref={place} />
}
