/** A value once it has been the same for a while: what is typed is asked about when the typing stops. */
import { useEffect, useState } from 'react'

export const useSettled = <T>(value: T, ms: number): T => {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms)
    return () => clearTimeout(timer)
  }, [value, ms])
  return settled
}
