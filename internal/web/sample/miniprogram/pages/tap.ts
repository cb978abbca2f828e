/** A tap on something with `data-…` attributes. */
export type Tap = WechatMiniprogram.TouchEvent;

/** What someone typed or picked. */
export type Input<V = string> = { detail: { value: V }; currentTarget: { dataset: Record<string, string> } };
