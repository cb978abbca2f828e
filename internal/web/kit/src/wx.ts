import type { Platform } from "./platform.js";

interface Fail {
  errMsg: string;
  errno?: number;
}

/** The part of the global `wx` that the kit uses. */
export interface Wx {
  request(option: {
    url: string;
    method: "POST";
    data: string;
    header: Record<string, string>;
    timeout: number;
    success(result: { data: unknown; statusCode: number; header: Record<string, unknown> }): void;
    fail(error: Fail): void;
  }): unknown;
  connectSocket(option: { url: string; protocols: string[]; fail(error: Fail): void }): WxSocketTask;
  login(option: { success(result: { code: string }): void; fail(error: Fail): void }): unknown;
  requestPayment(option: {
    timeStamp: string;
    nonceStr: string;
    package: string;
    signType: "MD5" | "HMAC-SHA256" | "RSA";
    paySign: string;
    success(): void;
    fail(error: Fail): void;
  }): unknown;
  onAppShow?(listener: () => void): void;
  onAppHide?(listener: () => void): void;
  offAppShow?(listener: () => void): void;
  offAppHide?(listener: () => void): void;
  getStorageSync?(key: string): unknown;
  setStorageSync?(key: string, value: string): void;
  removeStorageSync?(key: string): void;
}

/** What wx.connectSocket gives. */
export interface WxSocketTask {
  send(option: { data: string }): void;
  close(option: { code?: number; reason?: string }): void;
  onOpen(listener: () => void): void;
  onMessage(listener: (event: { data: string | ArrayBuffer }) => void): void;
  onClose(listener: (event: { code: number; reason: string }) => void): void;
  onError(listener: (error: { errMsg: string }) => void): void;
}

/** WeChat's runtime. With `remember` the refresh token is kept in wx storage, so that the next start needs no wx.login. */
export function wxPlatform(wx: Wx, { remember = false }: { remember?: boolean } = {}): Platform {
  return {
    request: ({ url, headers, body, timeoutMs }) =>
      new Promise((resolve, reject) => {
        wx.request({
          url,
          method: "POST",
          data: body,
          header: headers,
          timeout: timeoutMs,
          success: ({ data, statusCode, header }) =>
            resolve({ status: statusCode, body: data, date: text(header?.Date ?? header?.date) }),
          fail: ({ errMsg }) => reject(new Error(errMsg)),
        });
      }),

    connect(url, protocol, on) {
      let isOver = false;
      const end = (code: number) => {
        if (!isOver) {
          isOver = true;
          on.closed(code);
        }
      };
      // fail may be called before there is a task: the limit of 5 sockets is one reason.
      const task = wx.connectSocket({ url, protocols: [protocol], fail: () => end(1006) }) as WxSocketTask | undefined;
      task?.onOpen(() => on.opened());
      task?.onMessage(({ data }) => typeof data === "string" && on.message(data));
      task?.onClose(({ code }) => end(code));
      task?.onError(() => end(1006));
      return {
        send: (data) => task?.send({ data }),
        close: () => task?.close({ code: 1000 }),
      };
    },

    login: () =>
      new Promise((resolve, reject) =>
        wx.login({ success: ({ code }) => resolve(code), fail: ({ errMsg }) => reject(new Error(errMsg)) }),
      ),

    pay: ({ weChatPay }) =>
      new Promise((resolve, reject) =>
        wx.requestPayment({
          timeStamp: weChatPay.timeStamp,
          nonceStr: weChatPay.nonceStr,
          package: weChatPay.package,
          signType: weChatPay.signType as "RSA",
          paySign: weChatPay.paySign,
          success: () => resolve("paid"),
          fail: ({ errMsg }) => (/fail cancel/.test(errMsg) ? resolve("cancelled") : reject(new Error(errMsg))),
        }),
      ),

    onVisible(listener) {
      const [show, hide] = [() => listener(true), () => listener(false)];
      wx.onAppShow?.(show);
      wx.onAppHide?.(hide);
      return () => {
        wx.offAppShow?.(show);
        wx.offAppHide?.(hide);
      };
    },

    storage: remember
      ? {
          get: (key) => text(wx.getStorageSync?.(key)) || undefined,
          set: (key, value) => (value ? wx.setStorageSync?.(key, value) : wx.removeStorageSync?.(key)),
        }
      : undefined,
  };
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
