import { type Platform, SandboxPaymentConfirmDocument, wxPlatform } from "@holdfast/kit";

/**
 * WeChat's runtime, with the demo server's log-in and cashier: its wxdemo is no mini-program of WeChat's, so that neither wx.login
 * nor wx.requestPayment knows it. Everything else is as it will be.
 */
export function demoPlatform(): Platform {
  return {
    ...wxPlatform(wx),
    login: async () => "demo-lin",
    async pay({ id }, kit) {
      const { confirm } = await wx.showModal({ title: "沙箱支付", content: "演示环境，不会真的扣款", confirmText: "支付" });
      if (!confirm) {
        return "cancelled";
      }
      await kit.mutate(SandboxPaymentConfirmDocument, { paymentId: id });
      return "paid";
    },
  };
}
