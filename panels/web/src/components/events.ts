// What one part of the bundle tells the others, through the window: panels and the header are trees of their own.

/** Something was decided or has ended: open panels read again. */
export const CHANGED = "curator:changed";
/** These ids are to be reviewed. */
export const WANTED = "curator:wanted";
